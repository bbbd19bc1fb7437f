import { createHash } from 'node:crypto';
import type { BackboneManifest } from './backbones.ts';

// An ONNX file with no weights, written field by field: global average pool of each colour channel, then an identity to the one declared
// output. It has what a published classifier has: NCHW floats in, and the features one node before the end.

const field = (number: number, content: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([
    Buffer.from([(number << 3) | 2, (bytes.length & 0x7f) | (bytes.length > 127 ? 0x80 : 0)]),
    bytes.length > 127 ? Buffer.from([bytes.length >> 7]) : Buffer.alloc(0),
    bytes,
  ]);
};
const int = (number: number, value: number) =>
  Buffer.from([number << 3, (value & 0x7f) | (value > 127 ? 0x80 : 0), ...(value > 127 ? [value >> 7] : [])]);
const message = (...fields: Buffer[]) => Buffer.concat(fields);

const dimension = (value: number | string) => field(1, typeof value === 'number' ? int(1, value) : field(2, value));
const valueInfo = (name: string, shape: (number | string)[]) =>
  message(field(1, name), field(2, field(1, message(int(1, 1), field(2, message(...shape.map(dimension)))))));
const node = (operator: string, from: string, to: string) => message(field(1, from), field(2, to), field(4, operator));

export const tinyModel: Buffer = message(
  int(1, 7),
  field(
    7,
    message(
      field(1, node('GlobalAveragePool', 'input', 'pooled')),
      field(1, node('Identity', 'pooled', 'logits')),
      field(2, 'tiny'),
      field(11, valueInfo('input', ['batch', 3, 224, 224])),
      field(12, valueInfo('logits', ['batch', 3, 1, 1])),
    ),
  ),
  field(8, int(2, 12)),
);

/** Gives the mean of each channel of the page, 0 to 1. */
export const tinyBackbone: BackboneManifest = {
  name: 'tiny',
  sha256: createHash('sha256').update(tinyModel).digest('hex'),
  bytes: tinyModel.length,
  licence: 'Apache-2.0',
  address: undefined,
  input: { name: 'input', side: 224, layout: 'NCHW', values: { mean: [0, 0, 0], deviation: [1, 1, 1] } },
  output: { operator: 'GlobalAveragePool' },
  dimensions: 3,
};
