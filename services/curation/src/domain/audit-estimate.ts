// What an audit's labels say of a list: its precision, and its recall over the candidates, each with a 95 % interval.

import { betaDraw, binomialDraw, type Random, seededRandom } from '@florilegium/random';
import type { Interval } from './agreement.ts';

/** One stratum after the audit. NOT_SURE counts as not HQ: such a page is no page of a list, and not one that a list should have found. */
export interface AuditedStratum {
  listed: boolean;
  /** All pages of the stratum whose label was not known before. */
  pageCount: number;
  /** How many of them the audit labelled, and how many of those HQ. */
  auditedCount: number;
  hqCount: number;
}

export interface AuditFigures {
  precision: Interval;
  recall: Interval;
}

/**
 * Precision of the list and recall over the candidates: stratified point estimates with 95 % intervals.
 *
 * The intervals are quantiles of totals drawn at random: in each stratum the unseen pages are drawn as Binomial(unseen, p) with p from
 * Beta(hq, audited - hq). Such draws are blind where a stratum showed no HQ page or nothing else, so half of the draws add one
 * success (for the upper end) or one failure (for the lower end) in the stratum where a single page stands for the most others. This is
 * the gamma interval for weighted sums of Fay and Feuer (1997) in its mid-P form (Fay and Kim, 2017), for binomial counts of a finite
 * population. Adding to every stratum, as Jeffreys' prior does, covers far worse when proportions are extreme.
 *
 * @param knownHqCount pages in the list because a person labelled them HQ; they count as found
 */
export function estimateAudit(
  strata: readonly AuditedStratum[],
  knownHqCount: number,
  { draws = 4000, seed = 'audit' }: { draws?: number; seed?: string } = {},
): AuditFigures {
  const random = seededRandom(seed);
  const listed = strata.filter((stratum) => stratum.listed && stratum.pageCount > 0);
  const rest = strata.filter((stratum) => !stratum.listed && stratum.pageCount > 0);
  const listPages = knownHqCount + listed.reduce((sum, stratum) => sum + stratum.pageCount, 0);
  const found = knownHqCount + expected(listed);
  const missed = expected(rest);

  const low = { precision: new Float64Array(draws), recall: new Float64Array(draws) };
  const high = { precision: new Float64Array(draws), recall: new Float64Array(draws) };
  for (let draw = 0; draw < draws; draw++) {
    const foundLow = knownHqCount + drawTotal(listed, 'low', random);
    const foundHigh = knownHqCount + drawTotal(listed, 'high', random);
    const missedLow = drawTotal(rest, 'low', random);
    const missedHigh = drawTotal(rest, 'high', random);
    low.precision[draw] = ratio(foundLow, listPages);
    high.precision[draw] = ratio(foundHigh, listPages);
    low.recall[draw] = ratio(foundLow, foundLow + missedHigh);
    high.recall[draw] = ratio(foundHigh, foundHigh + missedLow);
  }
  const interval = (estimate: number, lows: Float64Array, highs: Float64Array): Interval => ({
    estimate,
    low: Math.min(estimate, quantile(lows, 0.025)),
    high: Math.max(estimate, quantile(highs, 0.975)),
  });
  return {
    precision: interval(ratio(found, listPages), low.precision, high.precision),
    recall: interval(ratio(found, found + missed), low.recall, high.recall),
  };
}

/** Pages that are HQ, were every stratum like its sample; a stratum without any sample is taken as half and half. */
function expected(strata: readonly AuditedStratum[]): number {
  return strata.reduce(
    (sum, { pageCount, auditedCount, hqCount }) =>
      sum + pageCount * (auditedCount === 0 ? 0.5 : hqCount / auditedCount),
    0,
  );
}

function drawTotal(strata: readonly AuditedStratum[], end: 'low' | 'high', random: Random): number {
  const extra = random.next() < 0.5 ? 1 : 0;
  const heaviest = strata.reduce<AuditedStratum | undefined>(
    (most, stratum) => (most && weightOf(most) >= weightOf(stratum) ? most : stratum),
    undefined,
  );
  let hq = 0;
  for (const stratum of strata) {
    const { pageCount, auditedCount, hqCount } = stratum;
    const added = stratum === heaviest ? extra : 0;
    const successes = hqCount + (end === 'high' ? added : 0);
    const failures = auditedCount - hqCount + (end === 'low' ? added : 0);
    // Nothing seen at all: anything is possible.
    if (auditedCount === 0) hq += end === 'high' ? pageCount : 0;
    else {
      const share = successes === 0 ? 0 : failures === 0 ? 1 : betaDraw(successes, failures, random);
      hq += hqCount + binomialDraw(pageCount - auditedCount, share, random);
    }
  }
  return hq;
}

/** For how many pages one labelled page stands; a stratum seen whole leaves nothing open. */
const weightOf = ({ pageCount, auditedCount }: AuditedStratum) =>
  auditedCount >= pageCount ? 0 : pageCount / Math.max(1, auditedCount);

const ratio = (part: number, whole: number) => (whole === 0 ? 1 : part / whole);

function quantile(values: Float64Array, at: number): number {
  values.sort();
  return values[Math.min(values.length - 1, Math.floor(at * values.length))]!;
}
