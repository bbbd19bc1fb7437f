/** How well scores P(HQ) fit labels; every field is over the pages given. */
export interface Scores {
  pages: number;
  /** At threshold 0.5. */
  accuracy: number;
  /** Area under the ROC curve; NaN cannot happen, one-class sets give 0.5. */
  auc: number;
  /** Mean negative log likelihood in nats, probabilities clipped to [1e-6, 1 - 1e-6]. */
  logLoss: number;
  /** Expected calibration error over ten equal bins of P(HQ). */
  calibrationError: number;
}

export function scoresOf(probabilities: ArrayLike<number>, isHq: ArrayLike<number>): Scores {
  let right = 0;
  for (let page = 0; page < isHq.length; page++) {
    if (probabilities[page]! >= 0.5 === (isHq[page]! === 1)) right++;
  }
  return {
    pages: isHq.length,
    accuracy: isHq.length === 0 ? 0 : right / isHq.length,
    auc: aucOf(probabilities, isHq),
    logLoss: logLossOf(probabilities, isHq),
    calibrationError: calibrationErrorOf(probabilities, isHq),
  };
}

export function logLossOf(probabilities: ArrayLike<number>, isHq: ArrayLike<number>): number {
  let sum = 0;
  for (let page = 0; page < isHq.length; page++) {
    const given = isHq[page] === 1 ? probabilities[page]! : 1 - probabilities[page]!;
    sum -= Math.log(Math.min(1 - 1e-6, Math.max(1e-6, given)));
  }
  return isHq.length === 0 ? 0 : sum / isHq.length;
}

/** Mann-Whitney's U over the number of pairs; tied scores count one half. */
export function aucOf(scores: ArrayLike<number>, isHq: ArrayLike<number>): number {
  const order = Array.from({ length: isHq.length }, (_, page) => page).sort((a, b) => scores[a]! - scores[b]!);
  let hqCount = 0;
  let hqRankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) end++;
    const rank = (start + end + 1) / 2; // ranks count from 1; ties share their mean
    for (let at = start; at < end; at++) {
      if (isHq[order[at]!] === 1) {
        hqCount++;
        hqRankSum += rank;
      }
    }
    start = end;
  }
  const pairs = hqCount * (order.length - hqCount);
  return pairs === 0 ? 0.5 : (hqRankSum - (hqCount * (hqCount + 1)) / 2) / pairs;
}

function calibrationErrorOf(probabilities: ArrayLike<number>, isHq: ArrayLike<number>): number {
  const bins = Array.from({ length: 10 }, () => ({ probabilitySum: 0, hq: 0 }));
  for (let page = 0; page < isHq.length; page++) {
    const bin = bins[Math.min(9, Math.floor(probabilities[page]! * 10))]!;
    bin.probabilitySum += probabilities[page]!;
    bin.hq += isHq[page]!;
  }
  const gapSum = bins.reduce((sum, bin) => sum + Math.abs(bin.probabilitySum - bin.hq), 0);
  return isHq.length === 0 ? 0 : gapSum / isHq.length;
}
