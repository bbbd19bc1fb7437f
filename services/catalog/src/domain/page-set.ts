import { seededDraw } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';

export interface PageSetParameters {
  name: string;
  rule: string;
  seed: number;
  /** At most so many pages; 0 for no such limit. */
  countMax: number;
  /** At most this share of what is drawn from (all candidates, or the pages of `withinPageSetId`); 0 for no such limit. */
  shareMax: number;
  /** Whole items or none of their pages. */
  wholeItems: boolean;
  excludePageSetIds: string[];
  /** '' for all candidates of the rule. */
  withinPageSetId: string;
}

export interface PageSet extends PageSetParameters {
  id: string;
  pageCount: number;
  itemCount: number;
  createdAt: Date;
}

/** @throws AppError invalid_argument naming the field */
export function checkParameters(parameters: PageSetParameters): PageSetParameters {
  const { name, seed, countMax, shareMax } = parameters;
  if (!/^[a-z0-9][a-z0-9_-]{0,99}$/.test(name)) {
    throw invalidArgument('name is not 1 to 100 of a-z, 0-9, - and _', { field: 'name' });
  }
  if (!Number.isSafeInteger(seed)) throw invalidArgument('seed is not a whole number', { field: 'seed' });
  if (!Number.isInteger(countMax) || countMax < 0 || countMax > 2 ** 31 - 1) {
    throw invalidArgument('countMax is not a whole number of pages', { field: 'countMax' });
  }
  if (!(shareMax >= 0 && shareMax <= 1))
    throw invalidArgument('shareMax is not between 0 and 1', { field: 'shareMax' });
  return { ...parameters, excludePageSetIds: [...new Set(parameters.excludePageSetIds)].sort() };
}

/** The same draw asked for again, whatever the order of the excluded sets. */
export function isSameDraw(one: PageSetParameters, other: PageSetParameters): boolean {
  const key = ({
    name,
    rule,
    seed,
    countMax,
    shareMax,
    wholeItems,
    excludePageSetIds,
    withinPageSetId,
  }: PageSetParameters) =>
    JSON.stringify([name, rule, seed, countMax, shareMax, wholeItems, [...excludePageSetIds].sort(), withinPageSetId]);
  return key(one) === key(other);
}

/** How many pages may be drawn, of `total` that the share is of. */
export function pageCountMaxOf({ countMax, shareMax }: PageSetParameters, total: number): number {
  const byCount = countMax > 0 ? countMax : Number.POSITIVE_INFINITY;
  // The share of a whole number is often a hair below it in floating point: 0.29 * 100 = 28.999999999999996.
  const byShare = shareMax > 0 ? Math.floor(total * shareMax + 1e-9) : Number.POSITIVE_INFINITY;
  return Math.min(byCount, byShare);
}

export interface ItemPages {
  itemId: number;
  pageCount: number;
}

/**
 * Whole items in the order of a seeded draw, each taken when it fits below `pageCountMax`. Where not even one fits a share,
 * the smallest is taken: a held-out share of a library of few books is better too large than empty. A `countMax` is never passed.
 */
export function drawItems(items: readonly ItemPages[], pageCountMax: number, parameters: PageSetParameters): number[] {
  const draw = seededDraw(parameters.seed, `items of ${parameters.name}`);
  const drawn = items
    .map((item) => ({ ...item, key: draw.keyOf(item.itemId) }))
    .sort((one, other) => one.key - other.key || one.itemId - other.itemId);
  const taken: number[] = [];
  let pageCount = 0;
  for (const item of drawn) {
    if (pageCount + item.pageCount > pageCountMax) continue;
    taken.push(item.itemId);
    pageCount += item.pageCount;
  }
  if (taken.length > 0) return taken;
  const smallest = drawn.reduce<(typeof drawn)[number] | undefined>(
    (least, item) => (least && least.pageCount <= item.pageCount ? least : item),
    undefined,
  );
  const fitsCount = smallest && (parameters.countMax === 0 || smallest.pageCount <= parameters.countMax);
  return fitsCount && pageCountMax > 0 ? [smallest.itemId] : [];
}
