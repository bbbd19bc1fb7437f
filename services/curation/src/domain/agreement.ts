// How much successive ensembles agree on pages that never change: what tells when labelling more stops changing anything.
import { seededRandom } from '@florilegium/random';
import { midPInterval } from './mid-p-interval.ts';
import { decides } from './triage.ts';

/** One page of a fixed set as two successive ensembles see it. */
export interface TwoOpinions {
  itemId: number;
  before: { mean: number; members: readonly number[] };
  now: { mean: number; members: readonly number[] };
}

/** Share of pages whose decision changed, for the ensemble and for each member (members answer to their forerunners by place). */
export function changeOfMind(pages: readonly TwoOpinions[]): { ensemble: number; members: number[] } | undefined {
  if (pages.length === 0) return undefined;
  const memberCount = Math.min(...pages.map(({ before, now }) => Math.min(before.members.length, now.members.length)));
  const share = (changed: (page: TwoOpinions) => boolean) => pages.filter(changed).length / pages.length;
  return {
    ensemble: share(({ before, now }) => decides(before.mean) !== decides(now.mean)),
    members: Array.from({ length: memberCount }, (_, member) =>
      share(({ before, now }) => decides(before.members[member]!) !== decides(now.members[member]!)),
    ),
  };
}

/** Pages by what the ensemble before and the ensemble now decide. */
export interface Contingency {
  bothHq: number;
  onlyBefore: number;
  onlyNow: number;
  bothLq: number;
}

/** Cohen's kappa: agreement beyond what chance would give; 1 when both always decide alike, undefined of no page. */
export function kappaOf({ bothHq, onlyBefore, onlyNow, bothLq }: Contingency): number | undefined {
  const pages = bothHq + onlyBefore + onlyNow + bothLq;
  if (pages === 0) return undefined;
  const observed = (bothHq + bothLq) / pages;
  const before = (bothHq + onlyBefore) / pages;
  const now = (bothHq + onlyNow) / pages;
  const byChance = before * now + (1 - before) * (1 - now);
  // Both ensembles decide the same one thing for every page: kappa is 0/0, and they agree.
  return byChance === 1 ? 1 : (observed - byChance) / (1 - byChance);
}

export interface Interval {
  estimate: number;
  low: number;
  high: number;
}

/**
 * Kappa with its 95 % percentile bootstrap interval. Items are drawn, not pages: pages of one book stand and fall together, and an
 * interval that took them for independent would be too narrow.
 */
export function kappaWithInterval(
  pages: readonly TwoOpinions[],
  { draws = 1000, seed = 'kappa' }: { draws?: number; seed?: string } = {},
): Interval | undefined {
  const items = [...Map.groupBy(pages, (page) => page.itemId).values()].map(contingencyOf);
  const estimate = kappaOf(sum(items));
  if (estimate === undefined) return undefined;
  const random = seededRandom(seed);
  const kappas = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    const drawn = Array.from(items, () => items[random.below(items.length)]!);
    kappas[draw] = kappaOf(sum(drawn))!;
  }
  kappas.sort();
  const changed = changedShareOf(sum(items));
  const at = (quantile: number) => kappas[Math.min(draws - 1, Math.floor(quantile * draws))]!;
  return {
    estimate,
    // A bootstrap of pages that all decide alike draws nothing else: what so many pages cannot rule out, it would.
    low: Math.min(estimate, at(0.025), kappaAtChange(changed.share.high, changed.hqShare)),
    high: Math.max(estimate, at(0.975)),
  };
}

/**
 * Kappa of two ensembles that call the same share HQ and decide a share `changed` of the pages differently. Where all pages are of one class any change
 * undoes all agreement beyond chance: what such a set cannot rule out takes kappa to its lowest.
 */
export function kappaAtChange(changed: number, hqShare: number): number {
  const byChance = hqShare ** 2 + (1 - hqShare) ** 2;
  return changed === 0 ? 1 : Math.max(-1, 1 - changed / (1 - byChance));
}

function changedShareOf({ bothHq, onlyBefore, onlyNow, bothLq }: Contingency) {
  const pages = bothHq + onlyBefore + onlyNow + bothLq;
  return {
    share: midPInterval(onlyBefore + onlyNow, pages, Number.POSITIVE_INFINITY),
    hqShare: (bothHq + (onlyBefore + onlyNow) / 2) / pages,
  };
}

/**
 * The most that the F-measure can have changed between two ensembles whose kappa is at least `kappa`, as a number from 0 to 1
 * (Bloodgood and Grothendieck, 2013): 4 (1 - kappa) / ((p + 1) kappa) with p the precision of the pages that both call HQ.
 * Without knowledge of p it is 0, which gives the widest bound. It bounds the change, not the distance from the truth.
 */
export function fChangeBound(kappa: number, precisionOfBothHq = 0): number {
  if (kappa <= 0) return 1;
  return Math.min(1, (4 * (1 - kappa)) / ((precisionOfBothHq + 1) * kappa));
}

function contingencyOf(pages: readonly TwoOpinions[]): Contingency {
  const table: Contingency = { bothHq: 0, onlyBefore: 0, onlyNow: 0, bothLq: 0 };
  for (const { before, now } of pages) {
    const was = decides(before.mean) === 'HQ';
    const is = decides(now.mean) === 'HQ';
    table[was && is ? 'bothHq' : was ? 'onlyBefore' : is ? 'onlyNow' : 'bothLq']++;
  }
  return table;
}

function sum(tables: readonly Contingency[]): Contingency {
  const total: Contingency = { bothHq: 0, onlyBefore: 0, onlyNow: 0, bothLq: 0 };
  for (const table of tables) {
    total.bothHq += table.bothHq;
    total.onlyBefore += table.onlyBefore;
    total.onlyNow += table.onlyNow;
    total.bothLq += table.bothLq;
  }
  return total;
}
