import { describe, expect, it } from 'vitest';
import { drawIds, seededDraw } from './draw.ts';

const ids = Array.from({ length: 10_000 }, (_, index) => 1000 + index);

describe('drawIds', () => {
  it('draws the same whatever order the ids come in', () => {
    const shuffled = [...ids].sort((one, other) => (one % 97) - (other % 97) || other - one);
    const drawn = drawIds(ids, 500, 1, 'train');
    expect(drawn).toHaveLength(500);
    expect(new Set(drawn).size).toBe(500);
    expect(drawIds(shuffled, 500, 1, 'train')).toEqual(drawn);
  });

  it('begins a larger draw with the smaller one', () => {
    expect(drawIds(ids, 500, 1, 'train').slice(0, 20)).toEqual(drawIds(ids, 20, 1, 'train'));
  });

  it('stays as it is from version to version', () => {
    expect(drawIds(ids, 5, 1, 'train')).toMatchInlineSnapshot(`
      [
        6054,
        2101,
        9691,
        6929,
        5564,
      ]
    `);
  });

  it('draws differently for another seed, also beyond 32 bits, and for another purpose', () => {
    const shared = (one: number[], other: number[]) => one.filter((id) => other.includes(id)).length;
    const drawn = drawIds(ids, 1000, 1, 'train');
    // Two independent draws of a tenth share a hundredth of all, 100 with a standard deviation of 9.
    for (const other of [
      drawIds(ids, 1000, 2, 'train'),
      drawIds(ids, 1000, 1 + 2 ** 32, 'train'),
      drawIds(ids, 1000, 1, 'stop'),
    ]) {
      expect(shared(drawn, other)).toBeGreaterThan(55);
      expect(shared(drawn, other)).toBeLessThan(145);
    }
  });

  it('spreads evenly over ids that follow each other', () => {
    // Ten bins of 1000 ids each expect 200 of 2000; the bound is five standard deviations.
    const bins = new Array<number>(10).fill(0);
    for (const id of drawIds(ids, 2000, 7, 'spread')) bins[Math.floor((id - 1000) / 1000)]!++;
    for (const count of bins) expect(Math.abs(count - 200)).toBeLessThan(64);
  });

  it('gives all when asked for more than there are, and none for none', () => {
    expect(drawIds([3, 1, 2], 9, 1, 'all').sort()).toEqual([1, 2, 3]);
    expect(drawIds(ids, 0, 1, 'none')).toEqual([]);
  });

  it('has keys below 2^53 that differ', () => {
    const { keyOf } = seededDraw(1, 'keys');
    const keys = new Set(ids.map(keyOf));
    expect(keys.size).toBe(ids.length);
    for (const key of keys) expect(Number.isSafeInteger(key) && key >= 0).toBe(true);
  });
});
