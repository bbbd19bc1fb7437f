import { describe, expect, it } from 'vitest';
import { orderForReview, orderForSecondLook, orderInitialPages, type PageToReview } from './review-queue.ts';
import type { TriageClass } from './triage.ts';

const page = (pageId: number, itemId: number, worth: number, triageClass: TriageClass = 'D'): PageToReview => ({
  pageId,
  itemId,
  worth,
  triageClass,
});
const rule = { randomShare: 0, repeatDiscount: 0.9, runMax: 2, seed: 's' };
const ids = (pages: { pageId: number }[]) => pages.map(({ pageId }) => pageId);

describe('the review queue', () => {
  it('asks the most worthwhile first and discounts the next page of the same book', () => {
    // Item 1: 0.60, then 0.58 * 0.9 = 0.522; item 2: 0.55.
    expect(ids(orderForReview([page(1, 1, 0.6), page(2, 1, 0.58), page(3, 2, 0.55)], rule))).toEqual([1, 3, 2]);
  });

  it('lets no book run on while another has pages', () => {
    const pages = [
      ...Array.from({ length: 20 }, (_, i) => page(i + 1, 1, 0.69)),
      ...Array.from({ length: 9 }, (_, i) => page(100 + i, 2 + i, 0.01)),
    ];
    const queue = orderForReview(pages, { ...rule, repeatDiscount: 1 });
    expect(queue).toHaveLength(29);
    const items = queue.map(({ itemId }) => itemId);
    // Nine pages of other books separate the pairs: 1 1 x 1 1 x ...; what is left of book 1 comes at the end.
    for (let at = 0; at + 3 <= 27; at++) expect(new Set(items.slice(at, at + 3)).size).toBeGreaterThan(1);
    expect(ids(queue).slice(0, 4)).toEqual([1, 2, 100, 3]);
  });

  it('leaves A pages out but for the random share', () => {
    const pages = [
      ...Array.from({ length: 400 }, (_, i) => page(i, i % 40, 0.01, 'A')),
      ...Array.from({ length: 200 }, (_, i) => page(1000 + i, i % 40, 0.5)),
    ];
    expect(orderForReview(pages, rule).every(({ triageClass }) => triageClass !== 'A')).toBe(true);
    const mixed = orderForReview(pages, { ...rule, randomShare: 0.2 });
    const lots = mixed.filter(({ by }) => by === 'random');
    expect(lots.length / mixed.length).toBeGreaterThan(0.14);
    expect(lots.length / mixed.length).toBeLessThan(0.26);
    expect(lots.some(({ triageClass }) => triageClass === 'A')).toBe(true);
    expect(new Set(ids(mixed)).size).toBe(mixed.length);
  });

  it('is the same for the same seed, whatever order the pages come in', () => {
    const pages = Array.from({ length: 60 }, (_, i) => page(i, i % 7, (i * 37) % 50, i % 3 ? 'D' : 'A'));
    const one = ids(orderForReview(pages, { ...rule, randomShare: 0.3 }));
    expect(ids(orderForReview([...pages].reverse(), { ...rule, randomShare: 0.3 }))).toEqual(one);
    expect(ids(orderForReview(pages, { ...rule, randomShare: 0.3, seed: 't' }))).not.toEqual(one);
  });
});

it('gives a second look to pages with dissent first', () => {
  const pages = [
    { ...page(1, 1, 0.3, 'NOTSURE'), dissenting: 0 },
    { ...page(2, 2, 0.1, 'NOTSURE'), dissenting: 1 },
    { ...page(3, 3, 0.2, 'NOTSURE'), dissenting: 2 },
  ];
  expect(ids(orderForSecondLook(pages, rule))).toEqual([3, 2, 1]);
});

it('asks first for one page of every book in turn, at random', () => {
  const pages = Array.from({ length: 30 }, (_, i) => ({ pageId: i + 1, itemId: i < 20 ? 1 : i }));
  const order = orderInitialPages(pages, 'seed 1');
  expect(new Set(order.slice(0, 11).map(({ itemId }) => itemId)).size).toBe(11);
  expect(order.slice(11).every(({ itemId }) => itemId === 1)).toBe(true);
  expect(ids(orderInitialPages([...pages].reverse(), 'seed 1'))).toEqual(ids(order));
  expect(ids(orderInitialPages(pages, 'seed 2'))).not.toEqual(ids(order));
});
