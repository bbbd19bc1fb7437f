import type { Label } from './label.ts';

export interface JudgedBin {
  low: number;
  high: number;
  labelled: Record<Label, number>;
}

/**
 * Frozen labels by the mean P(HQ) of the members that never saw the page's book, in `binCount` bins of equal width over 0 to 1;
 * the last bin holds 1 itself. From the bins a confusion matrix can be read at any bin's edge.
 */
export function countJudged(
  judged: Iterable<{ label: Label; members: readonly number[] }>,
  binCount: number,
): JudgedBin[] {
  const bins: JudgedBin[] = Array.from({ length: binCount }, (_, index) => ({
    low: index / binCount,
    high: (index + 1) / binCount,
    labelled: { HQ: 0, LQ: 0, NOT_SURE: 0 },
  }));
  for (const { label, members } of judged) {
    if (members.length === 0) continue;
    const mean = members.reduce((sum, member) => sum + member, 0) / members.length;
    // A tenth of a millionth against single precision: 0.3 stored as 0.29999998 belongs to the bin that begins at 0.3.
    const place = Math.min(binCount - 1, Math.max(0, Math.floor(mean * binCount + 1e-7 * binCount)));
    bins[place]!.labelled[label]++;
  }
  return bins;
}
