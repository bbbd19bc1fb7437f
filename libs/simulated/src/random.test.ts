import { describe, expect, it } from 'vitest';
import { createRandom } from './random.ts';

const take = (seed: string | number, count: number) => {
  const random = createRandom(seed);
  return Array.from({ length: count }, random.next);
};

describe('createRandom', () => {
  it('gives the same stream for the same seed and another for another', () => {
    expect(take(7, 5)).toEqual(take(7, 5));
    expect(take(7, 5)).not.toEqual(take(8, 5));
  });

  it('spreads evenly over [0, 1), even over neighbouring seeds', () => {
    const values = [...take(1, 4000), ...Array.from({ length: 4000 }, (_, seed) => take(seed, 1)[0]!)];
    const tenths = new Array(10).fill(0);
    for (const value of values) tenths[Math.floor(value * 10)] += 1;
    for (const count of tenths) expect(count).toBeGreaterThan(680);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  });

  it('forks streams that do not depend on what was drawn before', () => {
    const fresh = createRandom('book').fork('page 2').next();
    const used = createRandom('book');
    used.next();
    expect(used.fork('page 2').next()).toBe(fresh);
  });

  it('reaches both ends of a range of whole numbers, and nothing beyond', () => {
    const random = createRandom(3);
    expect(new Set(Array.from({ length: 200 }, () => random.int(2, 4)))).toEqual(new Set([2, 3, 4]));
  });

  it('shuffles without losing anything', () => {
    const shuffled = createRandom(1).shuffle([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(shuffled).not.toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...shuffled].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
