import type { TruthLabel } from '../truth.ts';

export interface Judged {
  /** The higher, the likelier positive. */
  score: number;
  positive: boolean;
}

/**
 * Area under the ROC curve: the share of (positive, negative) pairs whose positive scores higher, a tie counting half
 * (Mann and Whitney's U over the number of pairs, by ranks with ties at their mean). NaN without a pair.
 */
export function auc(judged: Iterable<Judged>): number {
  const sorted = [...judged].sort((a, b) => a.score - b.score);
  let positives = 0;
  let rankSum = 0;
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (to < sorted.length && sorted[to]!.score === sorted[from]!.score) to++;
    const meanRank = (from + 1 + to) / 2;
    for (let at = from; at < to; at++)
      if (sorted[at]!.positive) {
        positives += 1;
        rankSum += meanRank;
      }
    from = to;
  }
  const pairs = positives * (sorted.length - positives);
  return pairs === 0 ? Number.NaN : (rankSum - (positives * (positives + 1)) / 2) / pairs;
}

/** Share of right decisions when a score of at least `threshold` means positive. NaN of nothing. */
export function accuracy(judged: Iterable<Judged>, threshold = 0.5): number {
  let right = 0;
  let count = 0;
  for (const { score, positive } of judged) {
    count += 1;
    if (score >= threshold === positive) right += 1;
  }
  return count === 0 ? Number.NaN : right / count;
}

export interface HeldoutScores {
  accuracy: number;
  auc: number;
  /** Pages that were counted: predicted, and HQ or LQ in truth. */
  pages: number;
}

/** Predictions against truth at threshold 0.5; NOT_SURE and pages without truth are left out. */
export function heldoutScores(
  predictions: Iterable<{ pageId: number; mean: number }>,
  truth: ReadonlyMap<number, TruthLabel>,
): HeldoutScores {
  const judged: Judged[] = [];
  for (const { pageId, mean } of predictions) {
    const label = truth.get(pageId);
    if (label === 'HQ' || label === 'LQ') judged.push({ score: mean, positive: label === 'HQ' });
  }
  return { accuracy: accuracy(judged), auc: auc(judged), pages: judged.length };
}
