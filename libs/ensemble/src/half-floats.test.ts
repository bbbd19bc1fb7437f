import { expect, it } from 'vitest';
import { decodeHalfFloats } from './half-floats.ts';

const decode = (...halves: number[]) => [...decodeHalfFloats(new Uint8Array(Uint16Array.from(halves).buffer))];

it('reads normal, subnormal, signed and non-finite halves', () => {
  expect(decode(0x3c00, 0xc000, 0x3555, 0x7bff)).toEqual([1, -2, 0.333251953125, 65504]);
  expect(decode(0x0001, 0x03ff, 0x0400)).toEqual([2 ** -24, 1023 * 2 ** -24, 2 ** -14]);
  expect(decode(0x0000, 0x7c00, 0xfc00, 0x7e00)).toEqual([0, Infinity, -Infinity, Number.NaN]);
});
