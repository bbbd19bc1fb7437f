import { expect, it } from 'vitest';
import { decodeDataset, encodeDataset } from './dataset.ts';

const dataset = {
  dims: 2,
  pageIds: Int32Array.of(5, 900_000_001),
  itemIds: Int32Array.of(-1, 7),
  labels: ['NOT_SURE', 'HQ'] as ('NOT_SURE' | 'HQ')[],
  halves: new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0000, 0x3800).buffer),
};

it('reads back what it wrote, embeddings as single floats too', () => {
  const { rows, ...read } = decodeDataset(encodeDataset(dataset));
  expect({ ...read, halves: Uint8Array.from(read.halves) }).toEqual(dataset);
  expect([...rows]).toEqual([1, -2, 0, 0.5]);
});

it('refuses what is cut or something else', () => {
  expect(() => decodeDataset(encodeDataset(dataset).subarray(0, -1))).toThrow('the dataset is cut');
  expect(() => decodeDataset(Buffer.from('RIFF0000'))).toThrow('not a dataset');
});
