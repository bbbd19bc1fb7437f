import { disagreementOf, entropyOf, isHqAt, meanOf } from './uncertainty.ts';

/**
 * Of unlabelled pages: A no dissent, low entropy; B no dissent, high entropy; C dissent, low entropy; D dissent, high entropy.
 * Of labelled pages, as members see them that never saw the page's item: NOTSURE a person was not sure and the ensemble is;
 * MISPREDICTION a member contradicts the label; UNCERTAIN all members agree with it and are not sure.
 */
export const triageClasses = ['A', 'B', 'C', 'D', 'NOTSURE', 'MISPREDICTION', 'UNCERTAIN'] as const;
export type TriageClass = (typeof triageClasses)[number];

/** What members say of a page: P(HQ) of each, in any number from one. */
export interface Opinion {
  mean: number;
  /** Of the mean, in nats. */
  entropy: number;
  /** Members whose decision differs from the mean's. */
  dissenting: number;
  members: readonly number[];
}

/** The decision at threshold 0.5; exactly 0.5 is HQ. */
export const decides = (probability: number): 'HQ' | 'LQ' => (isHqAt(probability) ? 'HQ' : 'LQ');

export function opinionOf(members: readonly number[]): Opinion {
  const mean = meanOf(members);
  return {
    mean,
    entropy: entropyOf(mean),
    dissenting: Math.round(disagreementOf(members) * members.length),
    members,
  };
}

/** The value under which a share `quantile` of the entropies lies (nearest rank); 0 of none. */
export function entropyQuantile(entropies: readonly number[], quantile: number): number {
  if (entropies.length === 0) return 0;
  const sorted = Float64Array.from(entropies).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(quantile * sorted.length) - 1))]!;
}

/** Entropy is high above the threshold; at it, it is low. */
export function triageUnlabelled(opinion: Opinion, entropyThreshold: number): 'A' | 'B' | 'C' | 'D' {
  const high = opinion.entropy > entropyThreshold;
  if (opinion.dissenting > 0) return high ? 'D' : 'C';
  return high ? 'B' : 'A';
}

/** The class of a labelled page, or undefined when there is nothing to look at again. */
export function triageLabelled(
  label: 'HQ' | 'LQ' | 'NOT_SURE',
  opinion: Opinion,
  entropyThreshold: number,
): 'NOTSURE' | 'MISPREDICTION' | 'UNCERTAIN' | undefined {
  const high = opinion.entropy > entropyThreshold;
  if (label === 'NOT_SURE') return high ? undefined : 'NOTSURE';
  if (opinion.members.some((member) => decides(member) !== label)) return 'MISPREDICTION';
  return high ? 'UNCERTAIN' : undefined;
}
