import { type Random, shuffled } from '@florilegium/random';
import type { LabelledPages } from './training-set.ts';

export interface Folds {
  /** Fold of each page, 0 to count - 1. */
  foldOfPage: Uint8Array;
  count: number;
  /** What is kept together: whole items, or single pages where the items are too few to leave both classes on either side. */
  by: 'item' | 'page';
}

/**
 * Splits the pages into at most `countMax` folds of whole items with a like share of HQ and LQ in each: the largest items are dealt
 * first, each to the fold where it hurts least. The training part of every fold holds both classes; where no split by item gives
 * that (one book; all HQ in one book), pages are dealt instead. `set` must have passed `checkLabels`.
 */
export function splitIntoFolds(set: LabelledPages, countMax: number, random: Random): Folds {
  const pageCount = set.labels.length;
  const itemCount = new Set(Array.from(set.itemIds)).size;
  for (let count = Math.min(countMax, itemCount); count >= 2; count--) {
    const foldOfPage = deal(set, set.itemIds, count, random);
    if (everyTrainingPartHasBothClasses(set, foldOfPage, count)) return { foldOfPage, count, by: 'item' };
  }
  const pages = Array.from({ length: pageCount }, (_, page) => page);
  for (let count = countMax; count > 2; count--) {
    const foldOfPage = deal(set, pages, count, random);
    if (everyTrainingPartHasBothClasses(set, foldOfPage, count)) return { foldOfPage, count, by: 'page' };
  }
  return { foldOfPage: deal(set, pages, 2, random), count: 2, by: 'page' };
}

/**
 * How often each page is drawn when items are drawn with replacement, as many as there are among `pages` unless told; pages outside
 * `pages` count 0. A draw without both classes is drawn again, at most 100 times, then every page of `pages` counts once.
 */
export function bootstrapOfItems(
  set: LabelledPages,
  pages: readonly number[],
  random: Random,
  drawCount?: number,
): Float64Array {
  const items = [...new Set(pages.map((page) => set.itemIds[page]!))];
  for (let attempt = 0; attempt < 100; attempt++) {
    const drawn = new Map<number, number>();
    for (let draw = 0; draw < (drawCount ?? items.length); draw++) {
      const item = items[random.below(items.length)]!;
      drawn.set(item, (drawn.get(item) ?? 0) + 1);
    }
    const counts = new Float64Array(set.labels.length);
    for (const page of pages) counts[page] = drawn.get(set.itemIds[page]!) ?? 0;
    if (hasBothClasses(set, (page) => counts[page]! > 0)) return counts;
  }
  const counts = new Float64Array(set.labels.length);
  for (const page of pages) counts[page] = 1;
  return counts;
}

function deal(set: LabelledPages, groups: ArrayLike<number>, count: number, random: Random): Uint8Array {
  const pagesOfGroup = Map.groupBy(set.labels.keys(), (page) => groups[page]!);
  const order = shuffled(pagesOfGroup.values(), random).sort((a, b) => b.length - a.length);
  const foldOfPage = new Uint8Array(set.labels.length);
  const tallies = Array.from({ length: count }, () => ({ HQ: 0, LQ: 0, NOT_SURE: 0 }));
  const totals = { HQ: 1, LQ: 1, NOT_SURE: 1 };
  for (const label of set.labels) totals[label]++;
  for (const pages of order) {
    const own = { HQ: 0, LQ: 0, NOT_SURE: 0 };
    for (const page of pages) own[set.labels[page]!]++;
    // Squares grow where a class is already well filled, so the fold with the smallest growth lacks these labels most.
    const growth = (tally: typeof own) =>
      (['HQ', 'LQ', 'NOT_SURE'] as const).reduce((sum, label) => {
        const before = tally[label] / totals[label];
        const after = (tally[label] + own[label]) / totals[label];
        return sum + after * after - before * before;
      }, 0);
    let best = 0;
    for (let fold = 1; fold < count; fold++) if (growth(tallies[fold]!) < growth(tallies[best]!)) best = fold;
    for (const page of pages) {
      foldOfPage[page] = best;
      tallies[best]![set.labels[page]!]++;
    }
  }
  return foldOfPage;
}

function everyTrainingPartHasBothClasses(set: LabelledPages, foldOfPage: Uint8Array, count: number): boolean {
  for (let fold = 0; fold < count; fold++) {
    if (!hasBothClasses(set, (page) => foldOfPage[page] !== fold)) return false;
  }
  return true;
}

function hasBothClasses(set: LabelledPages, includes: (page: number) => boolean): boolean {
  const has = (label: 'HQ' | 'LQ') => set.labels.some((given, page) => given === label && includes(page));
  return has('HQ') && has('LQ');
}
