import { describe, expect, it } from 'vitest';
import { decodeHalfFloats, HALF_MAX, halfValues, toHalf } from './half-floats.ts';

const decode = (...halves: number[]) => [...decodeHalfFloats(new Uint8Array(Uint16Array.from(halves).buffer))];

it('reads normal, subnormal, signed and non-finite halves', () => {
  expect(decode(0x3c00, 0xc000, 0x3555, 0x7bff)).toEqual([1, -2, 0.333251953125, 65504]);
  expect(decode(0x0001, 0x03ff, 0x0400)).toEqual([2 ** -24, 1023 * 2 ** -24, 2 ** -14]);
  expect(decode(0x0000, 0x7c00, 0xfc00, 0x7e00)).toEqual([0, Infinity, -Infinity, Number.NaN]);
});

describe('half floats', () => {
  it('are those of IEEE 754', () => {
    expect([0, 1, -2, 0.5, 65_504, 2 ** -14, 2 ** -24, 0.1].map(toHalf)).toEqual([
      0, 0x3c00, 0xc000, 0x3800, 0x7bff, 0x0400, 0x0001, 0x2e66,
    ]);
  });

  it('survive being read and written, all of them that are finite', () => {
    for (let half = 0; half < 65_536; half++) {
      if (((half >> 10) & 0x1f) !== 31 && half !== 0x8000) expect(toHalf(halfValues[half]!)).toBe(half);
    }
  });

  it('round to the nearest, ties to even, and never overflow', () => {
    expect(halfValues[toHalf(1 + 2 ** -11)]).toBe(1);
    expect(halfValues[toHalf(1 + 3 * 2 ** -11)]).toBe(1 + 2 ** -9);
    expect(halfValues[toHalf(1e9)]).toBe(HALF_MAX);
    expect(halfValues[toHalf(-1e9)]).toBe(-HALF_MAX);
    expect(halfValues[toHalf(1e-9)]).toBe(0);
  });
});
