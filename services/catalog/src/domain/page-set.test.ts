import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  checkParameters,
  drawItems,
  isSameDraw,
  type PageSetParameters,
  pageCountMaxOf,
} from './page-set.ts';

const aDraw = (change: Partial<PageSetParameters> = {}): PageSetParameters => ({
  name: 'heldout',
  rule: 'illustrated',
  seed: 1,
  countMax: 0,
  shareMax: 0.2,
  wholeItems: true,
  excludePageSetIds: [],
  withinPageSetId: '',
  stratifyBy: '',
  allocation: '',
  ...change,
});
const items = Array.from({ length: 60 }, (_, index) => ({ itemId: 100 + index, pageCount: 5 + ((index * 7) % 40) }));
const total = items.reduce((sum, { pageCount }) => sum + pageCount, 0);
const pagesOf = (taken: number[]) =>
  items.filter(({ itemId }) => taken.includes(itemId)).reduce((sum, { pageCount }) => sum + pageCount, 0);

describe('drawItems', () => {
  it('comes as near below the limit as the items allow', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const limit = Math.floor(total / 5);
      const drawn = pagesOf(drawItems(items, limit, aDraw({ seed })));
      expect(drawn).toBeLessThanOrEqual(limit);
      // The smallest item has 5 pages: were there room for it, it would have been taken, unless it is in already.
      expect(limit - drawn).toBeLessThan(40);
    }
  });

  it('draws the same for the same seed, whatever the order of the items, and differently for another', () => {
    const drawn = drawItems(items, 200, aDraw());
    expect(drawItems([...items].reverse(), 200, aDraw())).toEqual(drawn);
    expect(drawItems(items, 200, aDraw({ seed: 2 }))).not.toEqual(drawn);
  });

  it('takes the smallest item where a share has room for none, but never passes a count', () => {
    const large = [
      { itemId: 1, pageCount: 50 },
      { itemId: 2, pageCount: 40 },
      { itemId: 3, pageCount: 60 },
    ];
    expect(drawItems(large, 30, aDraw())).toEqual([2]);
    expect(drawItems(large, 30, aDraw({ countMax: 30, shareMax: 0 }))).toEqual([]);
    expect(drawItems([], 30, aDraw())).toEqual([]);
  });
});

it('limits by count and by share, whichever is less', () => {
  expect(pageCountMaxOf(aDraw({ countMax: 10, shareMax: 0.5 }), 100)).toBe(10);
  expect(pageCountMaxOf(aDraw({ countMax: 10, shareMax: 0.05 }), 100)).toBe(5);
  expect(pageCountMaxOf(aDraw({ shareMax: 0.29 }), 100)).toBe(29);
  expect(pageCountMaxOf(aDraw({ shareMax: 0 }), 100)).toBe(Number.POSITIVE_INFINITY);
});

it('takes two draws for the same whatever the order of the excluded sets', () => {
  expect(isSameDraw(aDraw({ excludePageSetIds: ['a', 'b'] }), aDraw({ excludePageSetIds: ['b', 'a'] }))).toBe(true);
  expect(isSameDraw(aDraw(), aDraw({ seed: 2 }))).toBe(false);
});

it('names the field at fault', () => {
  expect(() => checkParameters(aDraw({ name: 'Held out' }))).toThrow('name is not');
  expect(() => checkParameters(aDraw({ shareMax: 1.5 }))).toThrow('shareMax');
  expect(() => checkParameters(aDraw({ countMax: -1 }))).toThrow('countMax');
  expect(() => checkParameters(aDraw({ seed: 0.5 }))).toThrow('seed');
});

describe('strata', () => {
  const sizes = new Map([
    ['1830s', 900],
    ['1840s', 90],
    ['1850s', 10],
  ]);

  it('give the same number each, as far as their pages reach', () => {
    expect(Object.fromEntries(allocate(sizes, 100, 'equal'))).toEqual({ '1850s': 10, '1840s': 45, '1830s': 45 });
    expect(Object.fromEntries(allocate(sizes, 1000, 'equal'))).toEqual({ '1850s': 10, '1840s': 90, '1830s': 900 });
  });

  it('give their share, to the page', () => {
    expect(Object.fromEntries(allocate(sizes, 100, 'proportional'))).toEqual({ '1830s': 90, '1840s': 9, '1850s': 1 });
    expect(Object.fromEntries(allocate(sizes, 55, 'proportional'))).toEqual({ '1830s': 49, '1840s': 5, '1850s': 1 });
  });

  it('never give more than they have, and all of what was asked where they can', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.nat(50), { maxKeys: 12 }),
        fc.nat(400),
        fc.constantFrom('equal', 'proportional'),
        (record, total, allocation) => {
          const some = new Map(Object.entries(record));
          const given = allocate(some, total, allocation);
          const all = [...some.values()].reduce((sum, size) => sum + size, 0);
          for (const [name, count] of given) expect(count).toBeLessThanOrEqual(some.get(name)!);
          expect([...given.values()].reduce((sum, count) => sum + count, 0)).toBe(Math.min(total, all));
        },
      ),
      { seed: 1 },
    );
  });

  it.each([
    [{ stratifyBy: 'colour' }, 'stratifyBy'],
    [{ stratifyBy: 'item', wholeItems: true }, 'stratifyBy'],
    [{ allocation: 'equal' }, 'allocation'],
    [{ stratifyBy: 'item', allocation: 'most' }, 'allocation'],
  ])('are refused as %j', (over, field) => {
    expect(() => checkParameters(aDraw({ wholeItems: false, ...over }))).toThrow(expect.objectContaining({ field }));
  });
});
