import { describe, expect, it } from 'vitest';
import { HALF_MAX, halfValues, toHalf } from './half-float.ts';

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
