import { uncertaintyOf } from '@florilegium/ensemble/arithmetic';

/** Of one page by one ensemble. Entropies are in nats. */
export interface Prediction {
  pageId: number;
  /** Calibrated P(HQ) by each member, in member order. */
  members: number[];
  mean: number;
  entropy: number;
  disagreement: number;
  mutualInformation: number;
}

export function predictionOf(pageId: number, members: ArrayLike<number>): Prediction {
  return { pageId, members: Array.from(members), ...uncertaintyOf(members) };
}

/**
 * A member's P(HQ) as the reference project's file has it: a pair of logits, HQ first, whose softmax is that probability.
 * Held away from 0 and 1 by less than a float tells apart, so that the logits stay finite.
 */
export function logitPairOf(probability: number): [number, number] {
  const held = Math.min(1 - 1e-7, Math.max(1e-7, probability));
  return [Math.log(held), Math.log1p(-held)];
}
