import { describe, expect, it } from 'vitest';
import { betaDraw, binomialDraw } from './distributions.ts';
import { drawKey, randomFrom, seededRandom, shuffled } from './stream.ts';

const moments = (values: number[]) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
};
const draws = (draw: (random: ReturnType<typeof seededRandom>) => number, count = 20_000) => {
  const random = seededRandom('moments');
  return moments(Array.from({ length: count }, () => draw(random)));
};

it('repeats itself for the same seed alone', () => {
  const first = (seed: string) => seededRandom(seed).next();
  expect(first('a')).toBe(first('a'));
  expect(first('a')).not.toBe(first('b'));
});

it('gives another stream for the same numbers in another order, and for numbers beyond 32 bits', () => {
  const first = (...parts: number[]) => randomFrom(...parts).next();
  expect(first(1, 2)).toBe(first(1, 2));
  expect(new Set([first(1, 2), first(2, 1), first(1), first(1 + 2 ** 32)]).size).toBe(4);
});

it('stays as it is from version to version', () => {
  expect(Array.from({ length: 3 }, seededRandom('train 1').next)).toMatchInlineSnapshot(`
    [
      0.1909462627954781,
      0.4884349540807307,
      0.42666984535753727,
    ]
  `);
  expect(Array.from({ length: 3 }, randomFrom(1, 2).next)).toMatchInlineSnapshot(`
    [
      0.060040252981707454,
      0.6081411449704319,
      0.7605897870380431,
    ]
  `);
  expect([1, 2, 3].map((id) => drawKey('audit 1', id))).toMatchInlineSnapshot(`
    [
      1395716105152814,
      4879942616817038,
      4338354830240056,
    ]
  `);
});

it('shuffles a copy without losing anything', () => {
  const values = [1, 2, 3, 4, 5, 6, 7, 8];
  const result = shuffled(values, randomFrom(1));
  expect(result).not.toEqual(values);
  expect([...result].sort()).toEqual(values);
});

describe('draws have the mean and variance of their distribution', () => {
  it('uniform', () => {
    const { mean, variance } = draws((random) => random.next());
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });
  it.each([
    [2, 3],
    [0.5, 0.5],
    [1, 40],
  ])('Beta(%d, %d)', (a, b) => {
    const { mean, variance } = draws((random) => betaDraw(a, b, random));
    expect(mean).toBeCloseTo(a / (a + b), 2);
    expect(variance).toBeCloseTo((a * b) / ((a + b) ** 2 * (a + b + 1)), 2);
  });
  it.each([
    [20, 0.3],
    [300, 0.99],
    [5000, 0.4],
    [90_000, 0.0001],
  ])('Binomial(%d, %d)', (n, p) => {
    const { mean, variance } = draws((random) => binomialDraw(n, p, random));
    expect(Math.abs(mean - n * p)).toBeLessThan(5 * Math.sqrt((n * p * (1 - p)) / 20_000) + 0.01);
    expect(variance / (n * p * (1 - p))).toBeCloseTo(1, 1);
  });
  it('the keys of a draw', () => {
    const { mean, variance } = moments(Array.from({ length: 20_000 }, (_, id) => drawKey('s', id) / 2 ** 53));
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });
});
