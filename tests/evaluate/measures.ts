import type { TruthLabel } from '@florilegium/simulated';

/** What is told of one ensemble on one set of pages; HQ is the positive class, threshold 0.5. */
export interface Measures {
  accuracy: number;
  /** 0.5 where a class is missing. */
  auc: number;
  /** Of the pages called HQ; 0 when none was. */
  precision: number;
  recall: number;
  /** Expected calibration error over ten equal bins of P(HQ). */
  ece: number;
}

export const measureNames = ['accuracy', 'auc', 'precision', 'recall', 'ece'] as const;

/** Pages scored by one ensemble, kept so that any weighting of their items can be measured without sorting again. */
export interface JudgedPages {
  /** Ascending. */
  probabilities: Float32Array;
  isHq: Uint8Array;
  /** Place of each page's item in the list of items that draws are made of. */
  items: Int32Array;
}

/** Leaves out NOT_SURE pages. */
export function judge(
  probabilities: ArrayLike<number>,
  labels: readonly TruthLabel[],
  items: readonly number[],
): JudgedPages {
  const order = labels
    .map((label, page) => ({ label, page }))
    .filter(({ label }) => label !== 'NOT_SURE')
    .sort((a, b) => probabilities[a.page]! - probabilities[b.page]!);
  return {
    probabilities: Float32Array.from(order, ({ page }) => probabilities[page]!),
    isHq: Uint8Array.from(order, ({ label }) => (label === 'HQ' ? 1 : 0)),
    items: Int32Array.from(order, ({ page }) => items[page]!),
  };
}

const binCount = 10;
const binWeights = new Float64Array(binCount);
const binGaps = new Float64Array(binCount);

/** The measures with every page counted as often as its item; undefined when nothing counts. All items count once without `itemWeights`. */
export function measure(
  { probabilities, isHq, items }: JudgedPages,
  itemWeights?: ArrayLike<number>,
): Measures | undefined {
  binWeights.fill(0);
  binGaps.fill(0);
  let total = 0;
  let hqTotal = 0;
  let right = 0;
  let calledHq = 0;
  let rightlyHq = 0;
  let pairsRight = 0;
  let lqBelow = 0;
  for (let start = 0; start < isHq.length; ) {
    // Pages of equal score are one step of the curve: each pair of them counts half.
    const probability = probabilities[start]!;
    let hq = 0;
    let lq = 0;
    let end = start;
    for (; end < isHq.length && probabilities[end] === probability; end++) {
      const weight = itemWeights ? itemWeights[items[end]!]! : 1;
      if (isHq[end] === 1) hq += weight;
      else lq += weight;
    }
    start = end;
    pairsRight += hq * (lqBelow + lq / 2);
    lqBelow += lq;
    hqTotal += hq;
    total += hq + lq;
    if (probability >= 0.5) {
      calledHq += hq + lq;
      rightlyHq += hq;
      right += hq;
    } else right += lq;
    const bin = Math.min(binCount - 1, Math.floor(probability * binCount));
    binWeights[bin]! += hq + lq;
    binGaps[bin]! += probability * (hq + lq) - hq;
  }
  if (total === 0) return undefined;
  const pairs = hqTotal * (total - hqTotal);
  return {
    accuracy: right / total,
    auc: pairs === 0 ? 0.5 : pairsRight / pairs,
    precision: calledHq === 0 ? 0 : rightlyHq / calledHq,
    recall: hqTotal === 0 ? 0 : rightlyHq / hqTotal,
    ece: binGaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / total,
  };
}
