import { seededDraw } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';

/** What a draw may be stratified by: the volume, the decade it came out in, the type of the page. */
export const strata = ['item', 'decade', 'page_type'] as const;
export type StratifyBy = (typeof strata)[number];
/** Each stratum the same number as far as its pages reach, or its share. */
export const allocations = ['equal', 'proportional'] as const;

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
  /** '' for one draw from all. */
  stratifyBy: string;
  /** '' where the draw is not stratified. */
  allocation: string;
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
  const { stratifyBy } = parameters;
  if (stratifyBy !== '' && !strata.some((known) => known === stratifyBy)) {
    throw invalidArgument(`stratifyBy is none of ${strata.join(', ')}`, { field: 'stratifyBy' });
  }
  if (stratifyBy !== '' && parameters.wholeItems) {
    throw invalidArgument('whole items are not drawn by strata', { field: 'stratifyBy' });
  }
  const allocation = parameters.allocation || (stratifyBy === '' ? '' : 'equal');
  if (allocation !== '' && !(stratifyBy !== '' && allocations.some((known) => known === allocation))) {
    throw invalidArgument(`allocation is none of ${allocations.join(', ')}, or there is no stratifyBy`, {
      field: 'allocation',
    });
  }
  return { ...parameters, allocation, excludePageSetIds: [...new Set(parameters.excludePageSetIds)].sort() };
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
    stratifyBy,
    allocation,
  }: PageSetParameters) =>
    JSON.stringify([
      name,
      rule,
      seed,
      countMax,
      shareMax,
      wholeItems,
      [...excludePageSetIds].sort(),
      withinPageSetId,
      stratifyBy,
      allocation,
    ]);
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

/** How many pages each stratum gives, of `total` in all; never more than it has. Ties are settled by the strata's names. */
export function allocate(
  strataSizes: ReadonlyMap<string, number>,
  total: number,
  allocation: string,
): Map<string, number> {
  const sizes = [...strataSizes].sort(([one], [other]) => (one < other ? -1 : 1));
  return allocation === 'proportional' ? allocateShares(sizes, total) : allocateEqually(sizes, total);
}

function allocateEqually(sizes: readonly (readonly [string, number])[], total: number): Map<string, number> {
  const given = new Map<string, number>();
  // Smallest first: what a small stratum cannot give is shared among those that are left.
  const ascending = [...sizes].sort(([, one], [, other]) => one - other);
  let left = total;
  ascending.forEach(([name, size], index) => {
    const count = Math.min(size, Math.ceil(left / (ascending.length - index)));
    given.set(name, count);
    left -= count;
  });
  return given;
}

/** By largest remainder (Hamilton's method). */
function allocateShares(sizes: readonly (readonly [string, number])[], total: number): Map<string, number> {
  const all = sizes.reduce((sum, [, size]) => sum + size, 0);
  const wanted = Math.min(total, all);
  const quotas = sizes.map(([name, size]) => ({ name, size, quota: all === 0 ? 0 : (wanted * size) / all }));
  const given = new Map(quotas.map(({ name, quota }) => [name, Math.floor(quota)]));
  let left = wanted - [...given.values()].reduce((sum, count) => sum + count, 0);
  const byRemainder = [...quotas].sort((one, other) => (other.quota % 1) - (one.quota % 1));
  for (const { name, size } of byRemainder) {
    const count = given.get(name)!;
    if (left === 0 || count >= size) continue;
    given.set(name, count + 1);
    left--;
  }
  return given;
}
