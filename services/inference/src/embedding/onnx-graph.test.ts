import { expect, it } from 'vitest';
import { declareOutput } from './onnx-graph.ts';
import { tinyModel } from './tiny-backbone.fixture.ts';

it('declares the result of an inner node as an output', () => {
  const { model, output } = declareOutput(tinyModel, 'GlobalAveragePool');
  expect(output).toBe('pooled');
  expect(model.length).toBeGreaterThan(tinyModel.length);
});

it('refuses an operator that is not there once, and what is no model', () => {
  expect(() => declareOutput(tinyModel, 'Conv')).toThrow('the graph has 0 nodes Conv, not one');
  expect(() => declareOutput(Buffer.from('<html>not found</html>'), 'Conv')).toThrow('not an ONNX file');
  expect(() => declareOutput(tinyModel.subarray(0, 40), 'Conv')).toThrow('not an ONNX file');
});
