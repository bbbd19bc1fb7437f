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

/** What a batch has predicted, in columns: of thousands of pages none is an object. */
export interface PredictedPages {
  pageIds: Int32Array;
  memberCount: number;
  /** Calibrated P(HQ), row-major [pages, members]. */
  members: Float32Array;
}

export function joinPageIds(parts: readonly Int32Array[]): Int32Array {
  const joined = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Puts parts together in the order they came in. */
export function joinPredicted(memberCount: number, parts: readonly Omit<PredictedPages, 'memberCount'>[]) {
  const pageCount = parts.reduce((sum, { pageIds }) => sum + pageIds.length, 0);
  const joined = {
    pageIds: new Int32Array(pageCount),
    memberCount,
    members: new Float32Array(pageCount * memberCount),
  };
  let at = 0;
  for (const { pageIds, members } of parts) {
    joined.pageIds.set(pageIds, at);
    joined.members.set(members, at * memberCount);
    at += pageIds.length;
  }
  return joined satisfies PredictedPages;
}

/**
 * A member's P(HQ) as the reference project's file has it: a pair of logits, HQ first, whose softmax is that probability.
 * Held away from 0 and 1 by less than a float tells apart, so that the logits stay finite.
 */
export function logitPairOf(probability: number): [number, number] {
  const held = Math.min(1 - 1e-7, Math.max(1e-7, probability));
  return [Math.log(held), Math.log1p(-held)];
}
