import { randomFrom } from '@florilegium/random';
import { expect, it } from 'vitest';
import { bootstrapOfItems, splitIntoFolds } from './folds.ts';
import { aTrainingSet } from './training-set.fixture.ts';
import type { PageLabel } from './training-set.ts';

const setOf = (labels: string, itemIds: number[]) => ({
  rows: new Float32Array(labels.length),
  dims: 1,
  labels: [...labels].map((letter): PageLabel => (letter === 'H' ? 'HQ' : letter === 'L' ? 'LQ' : 'NOT_SURE')),
  itemIds,
});

it('keeps the pages of an item in one fold and spreads both classes', () => {
  const set = aTrainingSet();
  const folds = splitIntoFolds(set, 5, randomFrom(1));
  expect(folds).toMatchObject({ count: 5, by: 'item' });
  const foldsOfItem = Map.groupBy(folds.foldOfPage.keys(), (page) => set.itemIds[page]!);
  for (const pages of foldsOfItem.values()) expect(new Set(pages.map((page) => folds.foldOfPage[page])).size).toBe(1);
  for (let fold = 0; fold < 5; fold++) {
    const labels = set.labels.filter((_, page) => folds.foldOfPage[page] === fold);
    expect(labels.length).toBeGreaterThan(30);
    expect(labels).toContain('HQ');
    expect(labels).toContain('LQ');
  }
});

it('splits by page when all HQ stand in one item', () => {
  const folds = splitIntoFolds(setOf('HHHHLLLLLL', [1, 1, 1, 1, 1, 1, 2, 2, 3, 3]), 5, randomFrom(1));
  expect(folds.by).toBe('page');
  for (let fold = 0; fold < folds.count; fold++) {
    expect([0, 1, 2, 3].some((page) => folds.foldOfPage[page] !== fold)).toBe(true);
  }
});

it('splits two pages of each class in two', () => {
  const folds = splitIntoFolds(setOf('HHLL', [1, 1, 1, 1]), 5, randomFrom(1));
  for (let fold = 0; fold < folds.count; fold++) {
    const left = 'HHLL'.split('').filter((_, page) => folds.foldOfPage[page] !== fold);
    expect(new Set(left)).toEqual(new Set(['H', 'L']));
  }
});

it('draws items whole, as many as there are, from the given pages alone', () => {
  const set = aTrainingSet();
  const pages = [...set.labels.keys()].filter((page) => page % 24 !== 5);
  const counts = bootstrapOfItems(set, pages, randomFrom(7));
  expect(counts.every((count, page) => count === counts[page % 24])).toBe(true);
  expect(counts[5]).toBe(0);
  expect(counts.slice(0, 24).reduce((sum, count) => sum + count, 0)).toBe(23);
  expect(counts).not.toEqual(bootstrapOfItems(set, pages, randomFrom(8)));
});

it('never draws one class alone, however unlikely the other', () => {
  const set = setOf(`HH${'L'.repeat(40)}`, [1, 1, ...Array.from({ length: 40 }, (_, page) => 10 + page)]);
  for (let seed = 0; seed < 50; seed++) {
    expect(bootstrapOfItems(set, [...set.labels.keys()], randomFrom(seed))[0]).toBeGreaterThan(0);
  }
});
