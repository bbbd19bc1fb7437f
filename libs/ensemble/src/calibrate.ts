import { logLossOf } from './scores.ts';

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** P(HQ) of every member from its logit at a temperature; above 1 makes a member less sure. */
export function memberProbabilitiesAt(memberLogits: ArrayLike<number>, temperature: number): Float32Array {
  const probabilities = new Float32Array(memberLogits.length);
  for (let at = 0; at < probabilities.length; at++) probabilities[at] = sigmoid(memberLogits[at]! / temperature);
  return probabilities;
}

/** The mean of the values that are numbers; NaN when none is. */
export function meanOfKnown(values: ArrayLike<number>): number {
  let sum = 0;
  let count = 0;
  for (let at = 0; at < values.length; at++) {
    if (Number.isNaN(values[at])) continue;
    sum += values[at]!;
    count++;
  }
  return sum / count;
}

/**
 * The one temperature of an ensemble (Guo et al., 2017): it divides every member's logit so that the mean P(HQ) has the least
 * log loss on out-of-fold pages. Rows of `memberLogits` are pages, columns are members; NaN stands where a member has no score that
 * left the page out, and each page has one member's score at least.
 * Golden-section search over ln T in [ln 0.2, ln 20]; the loss is unimodal there for all practical purposes.
 */
export function chooseTemperature(memberLogits: Float64Array, memberCount: number, isHq: ArrayLike<number>): number {
  const lossAt = (logTemperature: number) => {
    const temperature = Math.exp(logTemperature);
    const means = new Float64Array(isHq.length);
    for (let page = 0; page < isHq.length; page++) {
      const row = memberLogits.subarray(page * memberCount, (page + 1) * memberCount);
      means[page] = meanOfKnown(memberProbabilitiesAt(row, temperature));
    }
    return logLossOf(means, isHq);
  };
  const golden = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(0.2);
  let high = Math.log(20);
  let left = high - golden * (high - low);
  let right = low + golden * (high - low);
  let leftLoss = lossAt(left);
  let rightLoss = lossAt(right);
  while (high - low > 1e-3) {
    if (leftLoss <= rightLoss) {
      high = right;
      [right, rightLoss] = [left, leftLoss];
      left = high - golden * (high - low);
      leftLoss = lossAt(left);
    } else {
      low = left;
      [left, leftLoss] = [right, rightLoss];
      right = low + golden * (high - low);
      rightLoss = lossAt(right);
    }
  }
  return Math.exp((low + high) / 2);
}
