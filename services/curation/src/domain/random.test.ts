import { describe, expect, it } from 'vitest';
import { betaDraw, binomialDraw, drawKey, seededRandom } from './random.ts';

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
