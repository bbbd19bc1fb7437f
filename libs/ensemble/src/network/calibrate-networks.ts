import { chooseTemperature, meanOfKnown, memberProbabilitiesAt } from '../calibrate.ts';
import { type Scores, scoresOf } from '../scores.ts';
import type { PageLabel } from '../training-set.ts';

export interface OutOfBagCalibration {
  temperature: number;
  /** Row-major [pages, members], calibrated; NaN where a member has met the page's item. */
  outOfBagProbabilities: Float32Array;
  /** Of the mean of the members that never met the page's item, over HQ and LQ pages that have such a member, after calibration. */
  scores: Scores;
}

/**
 * Puts the members' out-of-bag logits (NaN where a member has met the item) together. The mean of the one or two members that a page has
 * here is less sure than that of all five, so the temperature errs, a little, to the side of too much doubt.
 */
export function calibrateNetworks(
  labels: readonly PageLabel[],
  memberLogits: readonly ArrayLike<number>[],
): OutOfBagCalibration {
  const pages = [...labels.keys()];
  const judged = pages.filter(
    (page) => labels[page] !== 'NOT_SURE' && memberLogits.some((logits) => !Number.isNaN(logits[page])),
  );
  const isHq = judged.map((page) => (labels[page] === 'HQ' ? 1 : 0));
  const logitsOf = (of: readonly number[]) =>
    Float64Array.from(of.flatMap((page) => memberLogits.map((logits) => logits[page]!)));
  const temperature = chooseTemperature(logitsOf(judged), memberLogits.length, isHq);
  const outOfBagProbabilities = memberProbabilitiesAt(logitsOf(pages), temperature);
  const meanOfPage = (page: number) =>
    meanOfKnown(outOfBagProbabilities.subarray(page * memberLogits.length, (page + 1) * memberLogits.length));
  return { temperature, outOfBagProbabilities, scores: scoresOf(judged.map(meanOfPage), isHq) };
}
