/** What an ensemble's members say together about one page. Probabilities are P(HQ); entropies are in nats, at most ln 2. */
export interface PageUncertainty {
  mean: number;
  entropy: number;
  /** Share of members whose decision differs from the mean's, 0 to 1. */
  disagreement: number;
  mutualInformation: number;
}

/** Entropy in nats of a coin that shows HQ with probability `probability`; 0 at 0 and at 1. */
export function entropyOf(probability: number): number {
  return surprise(probability) + surprise(1 - probability);
}

/** The decision at threshold 0.5; exactly 0.5 is HQ, for members and mean alike. */
export function isHqAt(probability: number): boolean {
  return probability >= 0.5;
}

export function meanOf(memberProbabilities: ArrayLike<number>): number {
  let sum = 0;
  for (let member = 0; member < memberProbabilities.length; member++) sum += memberProbabilities[member]!;
  return sum / memberProbabilities.length;
}

/** Share of members that decide otherwise than the mean of all of them. */
export function disagreementOf(memberProbabilities: ArrayLike<number>): number {
  const decision = isHqAt(meanOf(memberProbabilities));
  let dissenting = 0;
  for (let member = 0; member < memberProbabilities.length; member++) {
    if (isHqAt(memberProbabilities[member]!) !== decision) dissenting++;
  }
  return dissenting / memberProbabilities.length;
}

/**
 * Entropy of the mean minus the mean of the members' entropies (the "BALD" score of Houlsby et al., 2011): what a label would tell
 * about which member is right. Never below 0, though rounding may come near it from below.
 */
export function mutualInformationOf(memberProbabilities: ArrayLike<number>): number {
  let entropySum = 0;
  for (let member = 0; member < memberProbabilities.length; member++)
    entropySum += entropyOf(memberProbabilities[member]!);
  return Math.max(0, entropyOf(meanOf(memberProbabilities)) - entropySum / memberProbabilities.length);
}

/** All measures of one page. `memberProbabilities` must hold at least one member. */
export function uncertaintyOf(memberProbabilities: ArrayLike<number>): PageUncertainty {
  const mean = meanOf(memberProbabilities);
  return {
    mean,
    entropy: entropyOf(mean),
    disagreement: disagreementOf(memberProbabilities),
    mutualInformation: mutualInformationOf(memberProbabilities),
  };
}

function surprise(probability: number): number {
  return probability > 0 ? -probability * Math.log(probability) : 0;
}
