import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { selectBackend } from './backend.ts';

const passedOver: string[] = [];
const log = {
  info: () => {},
  warn: (fields: { tensorflowBackend?: string }) => passedOver.push(fields.tensorflowBackend ?? ''),
};

it('refuses, by name, a backend whose package does not exist', async () => {
  await expect(selectBackend('tfjs-node-absent' as 'tfjs-node', log)).rejects.toThrow(
    /backend tfjs-node-absent cannot be used: .*tfjs-node-absent/,
  );
});

it('ends on wasm or a native backend, never on cpu, and says which it passed over', async () => {
  const backend = await selectBackend('auto', log);
  expect(tf.getBackend()).toBe(backend === 'wasm' ? 'wasm' : 'tensorflow');
  expect(passedOver).toEqual(
    { 'tfjs-node-gpu': [], 'tfjs-node': ['tfjs-node-gpu'], wasm: ['tfjs-node-gpu', 'tfjs-node'] }[backend],
  );
});

it('runs wasm with SIMD and one thread', async () => {
  expect(await selectBackend('wasm', log)).toBe('wasm');
  expect(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')).toBe(true);
  expect(tf.env().get('WASM_HAS_MULTITHREAD_SUPPORT')).toBe(false);
  expect(tf.tidy(() => tf.matMul([[1, 2]], [[3], [4]]).dataSync()[0])).toBe(11);
});
