import type { Label } from './label.ts';

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
export const decides = (probability: number): 'HQ' | 'LQ' => (probability >= 0.5 ? 'HQ' : 'LQ');

/** Entropy in nats of a decision that is HQ with this probability. */
export function entropyOf(probability: number): number {
  const surprise = (p: number) => (p > 0 ? -p * Math.log(p) : 0);
  return surprise(probability) + surprise(1 - probability);
}

export function opinionOf(members: readonly number[]): Opinion {
  const mean = members.reduce((sum, member) => sum + member, 0) / members.length;
  return {
    mean,
    entropy: entropyOf(mean),
    dissenting: members.filter((member) => decides(member) !== decides(mean)).length,
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
  label: Label,
  opinion: Opinion,
  entropyThreshold: number,
): 'NOTSURE' | 'MISPREDICTION' | 'UNCERTAIN' | undefined {
  const high = opinion.entropy > entropyThreshold;
  if (label === 'NOT_SURE') return high ? undefined : 'NOTSURE';
  if (opinion.members.some((member) => decides(member) !== label)) return 'MISPREDICTION';
  return high ? 'UNCERTAIN' : undefined;
}

/** Why a page is asked, in words for the person who is asked. */
export function reasonOf(triageClass: TriageClass, opinion: Opinion, label?: Label): string {
  const count = opinion.members.length;
  const votes = `${opinion.dissenting} of ${count} members ${opinion.dissenting === 1 ? 'dissents' : 'dissent'}`;
  const sure = `P(HQ) ${opinion.mean.toFixed(2)}`;
  switch (triageClass) {
    case 'A':
      return `the ensemble is sure and of one mind (${sure})`;
    case 'B':
      return `all members agree and none is sure (${sure})`;
    case 'C':
      return `${votes}, though the ensemble as a whole is sure (${sure})`;
    case 'D':
      return `${votes} and the ensemble is not sure (${sure})`;
    case 'NOTSURE':
      return `labelled NOT_SURE, and members that never saw this book are sure that it is ${decides(opinion.mean)} (${sure})`;
    case 'MISPREDICTION': {
      const against = opinion.members.filter((member) => decides(member) !== label).length;
      return `labelled ${label}, but ${against} of ${count} members that never saw this book ${against === 1 ? 'says' : 'say'} otherwise (${sure})`;
    }
    case 'UNCERTAIN':
      return `labelled ${label}, and members that never saw this book agree without being sure (${sure})`;
  }
}

/** How triage and queues of an iteration are made; stored with the iteration. */
export interface TriageRule {
  /** Share of the unlabelled pages whose entropy counts as low. */
  entropyQuantile: number;
  /** In nats, where somebody named it; null where the quantile decides. */
  entropyThreshold: number | null;
  /** Share of the review queue that is drawn by lot. */
  randomShare: number;
}
