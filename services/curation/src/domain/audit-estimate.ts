// What an audit's labels say of a list: its precision, its recall over the candidates, and what lies outside them, each with a 95 % interval.
import type { Interval } from './agreement.ts';
import { midPInterval } from './mid-p-interval.ts';

/** One stratum after the audit. NOT_SURE counts as not HQ: such a page is no page of a list, and not one that a list should have found. */
export interface AuditedStratum {
  listed: boolean;
  /** All pages of the stratum whose label was not known before. */
  pageCount: number;
  /** How many of them the audit labelled, and how many of those HQ. */
  auditedCount: number;
  hqCount: number;
}

/** What the reservoir says of the pages that no rule keeps. */
export interface OutsideFigures {
  /** All such pages of the newest export, and what the audit saw of them. */
  pageCount: number;
  auditedCount: number;
  hqCount: number;
  /** Share of HQ pages among them. */
  share: Interval;
  /** HQ pages of the list over HQ pages of the whole export: recall that counts what the rule never offered. */
  recall: Interval;
}

export interface AuditFigures {
  precision: Interval;
  recall: Interval;
  /** Null where the audit drew no page outside the candidates. */
  outside: OutsideFigures | null;
}

/**
 * Precision of the list and recall over the candidates, stratified.
 *
 * Each stratum's HQ pages have a binomial mid-P interval for a finite population; those of a side are the sum of its strata by MOVER, their distances
 * from the estimate added like errors (Zou, Huang and Zhang, 2009); recall is found / (found + missed), the interval of missed / found by MOVER-R
 * (Donner and Zou, 2012). A stratum that showed nothing but LQ still leaves open what its sample could not rule out, which is where an ensemble that is
 * surely wrong of some pages would hide them: Wilson's interval with one effective sample size for all strata is a sixth narrower, and where 8 % of the
 * HQ pages hide there it covers their recall in as few as 47 of 100 audits. Measured by `npm run evaluate:audits`; figures in the service's README.
 * Pages are drawn one by one inside a stratum, so it does not matter here that pages of one book stand and fall together.
 *
 * @param knownHqCount pages in the list because a person labelled them HQ; they count as found
 * @param outside the audited part of the reservoir; its `pageCount` is all pages that no rule keeps
 */
export function estimateAudit(
  strata: readonly AuditedStratum[],
  knownHqCount: number,
  outside?: Omit<AuditedStratum, 'listed'>,
): AuditFigures {
  const listed = strata.filter((stratum) => stratum.listed && stratum.pageCount > 0);
  const rest = strata.filter((stratum) => !stratum.listed && stratum.pageCount > 0);
  const listPages = knownHqCount + pagesOf(listed);
  const found = plus(hqPagesOf(listed), knownHqCount);
  const missed = hqPagesOf(rest);
  return {
    precision: listPages === 0 ? { estimate: 1, low: 0, high: 1 } : over(found, listPages),
    recall: shareOf(found, missed),
    outside: outside && outside.auditedCount > 0 ? outsideOf(outside, found, missed) : null,
  };
}

function outsideOf(
  { pageCount, auditedCount, hqCount }: Omit<AuditedStratum, 'listed'>,
  found: Interval,
  missed: Interval,
): OutsideFigures {
  const share = midPInterval(hqCount, auditedCount, pageCount);
  return {
    pageCount,
    auditedCount,
    hqCount,
    share,
    recall: shareOf(found, sumOf(missed, times(share, pageCount))),
  };
}

/** HQ pages of one side, were every stratum like its sample; one without any sample leaves everything open. */
const hqPagesOf = (strata: readonly AuditedStratum[]): Interval =>
  strata
    .map(({ pageCount, auditedCount, hqCount }) =>
      auditedCount === 0
        ? { estimate: pageCount / 2, low: 0, high: pageCount }
        : times(midPInterval(hqCount, auditedCount, pageCount), pageCount),
    )
    .reduce(sumOf, { estimate: 0, low: 0, high: 0 });

/** part / (part + other), from the intervals of the two, which are independent; 1 where both are nothing. */
function shareOf(part: Interval, other: Interval): Interval {
  const whole = part.estimate + other.estimate;
  const estimate = whole === 0 ? 1 : part.estimate / whole;
  return {
    estimate,
    low: Math.min(estimate, 1 / (1 + ratioHigh(other, part))),
    high: Math.max(estimate, 1 - 1 / (1 + ratioHigh(part, other))),
  };
}

/** Upper end of one / other by MOVER-R; infinite where `other` may be nothing. */
function ratioHigh(one: Interval, other: Interval): number {
  const below = other.low * (2 * other.estimate - other.low);
  if (below <= 0) return Number.POSITIVE_INFINITY;
  const product = one.estimate * other.estimate;
  const root = product ** 2 - one.high * (2 * one.estimate - one.high) * below;
  return (product + Math.sqrt(Math.max(0, root))) / below;
}

/** The sum of two independent figures. */
function sumOf(one: Interval, other: Interval): Interval {
  const estimate = one.estimate + other.estimate;
  return {
    estimate,
    low: estimate - Math.hypot(one.estimate - one.low, other.estimate - other.low),
    high: estimate + Math.hypot(one.high - one.estimate, other.high - other.estimate),
  };
}

const pagesOf = (strata: readonly AuditedStratum[]) => strata.reduce((sum, { pageCount }) => sum + pageCount, 0);
const plus = ({ estimate, low, high }: Interval, more: number): Interval => ({
  estimate: estimate + more,
  low: low + more,
  high: high + more,
});
const times = ({ estimate, low, high }: Interval, factor: number): Interval => ({
  estimate: estimate * factor,
  low: low * factor,
  high: high * factor,
});
const over = ({ estimate, low, high }: Interval, whole: number): Interval => ({
  estimate: estimate / whole,
  low: low / whole,
  high: high / whole,
});
