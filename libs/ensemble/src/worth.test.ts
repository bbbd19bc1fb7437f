import { expect, it } from 'vitest';
import { labelConfidenceOf, orderByDiverseWorth, pageWorthOf } from './worth.ts';

it('trusts a label as much as the members that did not see it do', () => {
  expect(labelConfidenceOf('HQ', [0.9, 0.7])).toBeCloseTo(0.8, 12);
  expect(labelConfidenceOf('LQ', [0.9, 0.7])).toBeCloseTo(0.2, 12);
});

it('values the page that the mean is least sure of', () => {
  expect(pageWorthOf([0.4, 0.6])).toBeGreaterThan(pageWorthOf([0.9, 0.9]));
});

const pages = [
  { pageId: 1, itemId: 7, worth: 0.6 },
  { pageId: 2, itemId: 7, worth: 0.5 },
  { pageId: 3, itemId: 7, worth: 0.45 },
  { pageId: 4, itemId: 8, worth: 0.42 },
];
const ids = (count: number, discount?: number) =>
  orderByDiverseWorth(pages, count, discount).map((page) => page.pageId);

it('discounts the further pages of an item, so another item comes in between', () => {
  // 0.6, then 0.5 * 0.9 = 0.45, 0.45 * 0.81 = 0.36 against 0.42 of the other item.
  expect(ids(4)).toEqual([1, 2, 4, 3]);
});

it('orders by worth alone at discount 1 and asks one page of each item first at discount 0', () => {
  expect(ids(4, 1)).toEqual([1, 2, 3, 4]);
  expect(ids(2, 0)).toEqual([1, 4]);
  expect(ids(4, 0)).toEqual([1, 4, 2, 3]);
});

it('gives what there is when asked for more', () => {
  expect(ids(9)).toHaveLength(4);
});
