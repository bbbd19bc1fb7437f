import { describe, expect, it } from 'vitest';
import { changeOfMind, fChangeBound, kappaOf, kappaWithInterval, type TwoOpinions } from './agreement.ts';

const page = (itemId: number, before: number, now: number): TwoOpinions => ({
  itemId,
  before: { mean: before, members: [before, 0.9] },
  now: { mean: now, members: [now, 0.1] },
});

it('counts the pages that ensemble and members changed their mind on', () => {
  const pages = [page(1, 0.9, 0.8), page(1, 0.9, 0.2), page(2, 0.1, 0.2), page(2, 0.4, 0.6)];
  expect(changeOfMind(pages)).toEqual({ ensemble: 0.5, members: [0.5, 1] });
  expect(changeOfMind([])).toBeUndefined();
});

describe('kappa', () => {
  it('is agreement beyond chance', () => {
    // Observed 0.7; before 25/50 HQ, now 30/50 HQ: by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5; (0.7 - 0.5) / 0.5 = 0.4
    expect(kappaOf({ bothHq: 20, onlyBefore: 5, onlyNow: 10, bothLq: 15 })).toBeCloseTo(0.4, 12);
    expect(kappaOf({ bothHq: 9, onlyBefore: 0, onlyNow: 0, bothLq: 1 })).toBe(1);
    expect(kappaOf({ bothHq: 0, onlyBefore: 0, onlyNow: 0, bothLq: 8 })).toBe(1);
    expect(kappaOf({ bothHq: 0, onlyBefore: 0, onlyNow: 0, bothLq: 0 })).toBeUndefined();
  });

  it('has an interval that holds it, the same for the same seed, wider when pages of few books disagree together', () => {
    const disagreeing = (items: number) =>
      Array.from({ length: 200 }, (_, i) => page(i % items, i % 2 ? 0.9 : 0.1, i % 10 === 3 ? 0.1 : i % 2 ? 0.9 : 0.1));
    const spread = kappaWithInterval(disagreeing(200))!;
    expect(spread.low).toBeLessThan(spread.estimate);
    expect(spread.high).toBeGreaterThan(spread.estimate);
    expect(kappaWithInterval(disagreeing(200))).toEqual(spread);
    const clustered = kappaWithInterval(disagreeing(10))!;
    expect(clustered.estimate).toBe(spread.estimate);
    expect(clustered.high - clustered.low).toBeGreaterThan(spread.high - spread.low);
  });

  it('is 1 when nothing changed, and leaves open what so few pages cannot rule out', () => {
    const same = (pages: number) =>
      Array.from({ length: pages }, (_, i) => page(i, i % 3 ? 0.9 : 0.1, i % 3 ? 0.9 : 0.1));
    // None of 30 changed: up to 1 - 0.05 ** (1 / 30) = 9.5 % may have; two thirds are HQ, so chance agrees on five ninths.
    expect(kappaWithInterval(same(30))).toEqual({ estimate: 1, low: expect.closeTo(1 - 0.095 / (4 / 9), 2), high: 1 });
    expect(kappaWithInterval(same(1000))!.low).toBeGreaterThan(0.993);
    expect(kappaWithInterval([])).toBeUndefined();
  });

  it('leaves everything open where all pages get one class, however many they are', () => {
    const alike = Array.from({ length: 1000 }, (_, i) => page(i, 0.1, 0.1));
    expect(kappaWithInterval(alike)).toEqual({ estimate: 1, low: -1, high: 1 });
  });
});

it('bounds the change of the F-measure', () => {
  expect(fChangeBound(0.99)).toBeCloseTo(0.0404, 4);
  expect(fChangeBound(0.98)).toBeCloseTo(0.0816, 4);
  expect(fChangeBound(0.95)).toBeCloseTo(0.2105, 4);
  expect(fChangeBound(0.99, 0.95)).toBeCloseTo(0.0207, 4);
  expect(fChangeBound(1)).toBe(0);
  expect(fChangeBound(0.3)).toBe(1);
  expect(fChangeBound(-0.2)).toBe(1);
});
