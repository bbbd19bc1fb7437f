import { expect, it } from 'vitest';
import { differenceOf, drawItems, intervalOf, resample, studentInterval } from './intervals.ts';
import { judge } from './measures.ts';

const labels = Array.from({ length: 60 }, (_, page) => (page % 2 === 0 ? ('HQ' as const) : ('LQ' as const)));
const items = labels.map((_, page) => Math.floor(page / 6));
const draws = drawItems(10);
/** Right on all pages but those of the given items. */
const wrongOn = (wrong: number[]) =>
  resample(
    [
      judge(
        labels.map((label, page) => ((label === 'HQ') !== wrong.includes(items[page]!) ? 0.9 : 0.1)),
        labels,
        items,
      ),
    ],
    draws,
  );

it('puts the mean inside its interval, and no width where nothing varies', () => {
  const { mean, low, high } = intervalOf(wrongOn([3, 7]), 'accuracy');
  expect(mean).toBeCloseTo(0.8, 12);
  expect(low).toBeLessThan(0.7);
  expect(high).toBe(1);
  expect(intervalOf(wrongOn([]), 'accuracy')).toEqual({ mean: 1, low: 1, high: 1 });
});

it('pairs differences by draw: two that are wrong on the same items do not differ', () => {
  expect(differenceOf(wrongOn([2]), wrongOn([2]), 'accuracy')).toEqual({ mean: 0, low: 0, high: 0 });
  const { mean, low } = differenceOf(wrongOn([]), wrongOn([2, 5]), 'accuracy');
  expect(mean).toBeCloseTo(0.2, 12);
  expect(low).toBeGreaterThanOrEqual(0);
});

it("gives Student's interval", () => {
  // mean 2, deviation 1, three values: 4.303 / sqrt(3)
  const { mean, low, high } = studentInterval([1, 2, 3]);
  expect(mean).toBe(2);
  expect(high - mean).toBeCloseTo(2.484, 3);
  expect(mean - low).toBeCloseTo(2.484, 3);
});
