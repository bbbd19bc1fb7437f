// The scores of many pages in bins, and what a list cut at any threshold would hold: counts, and how good it is expected to be.
import type { Label } from './label.ts';

/** Fine enough that a threshold of three decimals is a bin's edge. */
export const binCount = 1000;

/** Plain arrays, one number a bin, so that they can be kept as JSON. */
export interface ScoreBins {
  /** Pages without a label, and the sum of their calibrated P(HQ). */
  unlabelled: number[];
  probability: number[];
  /** Pages by their current label. */
  HQ: number[];
  LQ: number[];
  NOT_SURE: number[];
  /** Pages without a score that are labelled HQ: in the list at any threshold. Lists that were frozen before they were counted lack it. */
  unscoredHq?: number;
  /** Labels of the label set by what members say of them that never saw the page's book: HQ, and all. */
  judgedHq: number[];
  judged: number[];
}

export interface ThresholdFigures {
  threshold: number;
  /** Pages labelled HQ, and pages without a label at or above the threshold. */
  listedCount: number;
  /** Mean calibrated P(HQ) of the listed pages; those labelled HQ count as 1. Null where nothing is listed. */
  expectedPrecision: number | null;
  /**
   * One-sided 95 % lower bound of the same from the judged labels, never above what the scores let expect; null where there are too few
   * at or above the threshold.
   */
  expectedPrecisionLow: number | null;
  /** Expected share of all HQ pages that are listed. */
  expectedRecall: number | null;
}

export function emptyScoreBins(): ScoreBins {
  const bins = () => Array.from({ length: binCount }, () => 0);
  return {
    unlabelled: bins(),
    probability: bins(),
    HQ: bins(),
    LQ: bins(),
    NOT_SURE: bins(),
    judgedHq: bins(),
    judged: bins(),
  };
}

/** A page without a score is in no bin; only its label can list it. */
export function addScore(bins: ScoreBins, probability: number | null, label: Label | null): void {
  if (probability === null) {
    if (label === 'HQ') bins.unscoredHq = (bins.unscoredHq ?? 0) + 1;
    return;
  }
  const bin = binOf(probability);
  bins[label ?? 'unlabelled'][bin]!++;
  if (label === null) bins.probability[bin]! += probability;
}

export function addJudged(bins: ScoreBins, probability: number, label: Label): void {
  const bin = binOf(probability);
  bins.judged[bin]!++;
  if (label === 'HQ') bins.judgedHq[bin]!++;
}

export const countPages = (bins: ScoreBins): number =>
  total(bins.unlabelled) + total(bins.HQ) + total(bins.LQ) + total(bins.NOT_SURE);

/** `threshold` is taken at the next edge of a bin. */
export function figuresAt(bins: ScoreBins, threshold: number): ThresholdFigures {
  const from = edgeOf(threshold);
  const known = total(bins.HQ) + (bins.unscoredHq ?? 0);
  const unlabelled = total(bins.unlabelled, from);
  const expected = known + total(bins.probability, from);
  const all = known + total(bins.probability);
  const listedCount = known + unlabelled;
  const low = judgedPrecisionLow(bins, from);
  return {
    threshold,
    listedCount,
    expectedPrecision: listedCount === 0 ? null : expected / listedCount,
    expectedPrecisionLow:
      low === null || listedCount === 0 ? null : Math.min(expected, known + low * unlabelled) / listedCount,
    expectedRecall: all === 0 ? null : expected / all,
  };
}

/**
 * The lowest threshold at which a list is expected to have the precision, or, where none is, the one that comes nearest; `isReached` tells
 * which. Thresholds above all unlabelled pages are none: what they leave was labelled by hand.
 */
export function thresholdFor(
  bins: ScoreBins,
  targetPrecision: number,
): { isReached: boolean; figures: ThresholdFigures | undefined } {
  let best: ThresholdFigures | undefined;
  for (let edge = 1; edge < binCount && total(bins.unlabelled, edge) > 0; edge++) {
    const figures = figuresAt(bins, edge / binCount);
    if (figures.expectedPrecision! >= targetPrecision) return { isReached: true, figures };
    if (best === undefined || figures.expectedPrecision! > best.expectedPrecision!) best = figures;
  }
  return { isReached: false, figures: best };
}

const strataMax = 5;
const judgedPerStratumMin = 15;
/** Standard normal, one-sided 95 %. */
const z = 1.645;

/**
 * Lower bound for the share of HQ among unlabelled pages from a bin upwards: the judged labels in strata of their score, each weighted by
 * the unlabelled pages in it, with Wilson's bound at the effective number of labels (Kish). Labels were mostly given to pages that were
 * hard to tell, so within a stratum they are rather worse than the pages they stand for.
 */
function judgedPrecisionLow(bins: ScoreBins, from: number): number | null {
  const judgedCount = total(bins.judged, from);
  const unlabelled = total(bins.unlabelled, from);
  if (judgedCount < judgedPerStratumMin || unlabelled === 0) return null;
  const wanted = Math.min(strataMax, Math.floor(judgedCount / judgedPerStratumMin));
  const strata = [{ judged: 0, hq: 0, pages: 0 }];
  for (let bin = from; bin < binCount; bin++) {
    let stratum = strata.at(-1)!;
    if (strata.length < wanted && stratum.judged >= judgedCount / wanted) {
      stratum = { judged: 0, hq: 0, pages: 0 };
      strata.push(stratum);
    }
    stratum.judged += bins.judged[bin]!;
    stratum.hq += bins.judgedHq[bin]!;
    stratum.pages += bins.unlabelled[bin]!;
  }
  // The last one takes what is left, which may be little.
  const last = strata.at(-1)!;
  if (strata.length > 1 && last.judged < judgedPerStratumMin) {
    strata.pop();
    const before = strata.at(-1)!;
    before.judged += last.judged;
    before.hq += last.hq;
    before.pages += last.pages;
  }
  let share = 0;
  let spread = 0;
  for (const { judged, hq, pages } of strata) {
    const weight = pages / unlabelled;
    share += (weight * hq) / judged;
    spread += weight ** 2 / judged;
  }
  return wilsonLow(share, 1 / spread);
}

function wilsonLow(share: number, count: number): number {
  const centre = share + z ** 2 / (2 * count);
  const half = z * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return Math.max(0, (centre - half) / (1 + z ** 2 / count));
}

const binOf = (probability: number) => Math.min(binCount - 1, Math.max(0, Math.floor(probability * binCount)));
/** 0.29 * 1000 is 290.00000000000006 in doubles, and still the edge of bin 290. */
const edgeOf = (threshold: number) => Math.min(binCount, Math.max(0, Math.ceil(threshold * binCount - 1e-9)));

function total(counts: readonly number[], from = 0): number {
  let sum = 0;
  for (let bin = from; bin < counts.length; bin++) sum += counts[bin]!;
  return sum;
}
