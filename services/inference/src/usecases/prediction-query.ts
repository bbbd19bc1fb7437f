import { invalidArgument } from '@florilegium/errors';
import type { PredictionFilter, PredictionsRepo } from '../repos/predictions.repo.ts';

/** A no dissent, low entropy; B no dissent, high entropy; C dissent, low entropy; D dissent, high entropy. */
export type TriageClass = 'A' | 'B' | 'C' | 'D';

/** Which predictions of a run are wanted: those that meet all that is given. Bounds include their ends. */
export interface PredictionQuery {
  meanMin?: number | undefined;
  meanMax?: number | undefined;
  entropyMin?: number | undefined;
  entropyMax?: number | undefined;
  disagreementMin?: number | undefined;
  disagreementMax?: number | undefined;
  decision?: 'HQ' | 'LQ' | undefined;
  triageClass?: TriageClass | undefined;
  /** In nats; above it entropy is high. */
  entropyThreshold?: number | undefined;
}

/** Where curation draws the line too, unless it is configured. */
const entropyQuantileDefault = 0.8;

/** The filter that a query asks for, and what told its class. @throws invalid_argument naming the field */
export async function filterOf(
  predictions: Pick<PredictionsRepo, 'entropyQuantile'>,
  runNumber: number,
  { decision, triageClass, entropyThreshold, ...ranges }: PredictionQuery,
): Promise<{ filter: PredictionFilter; entropyThreshold?: number }> {
  for (const name of ['mean', 'entropy', 'disagreement'] as const) {
    const [min, max] = [ranges[`${name}Min`], ranges[`${name}Max`]];
    if (min !== undefined && max !== undefined && min > max)
      throw invalidArgument(`${name}Min is greater than ${name}Max`, { field: `${name}Min` });
  }
  if (entropyThreshold !== undefined && triageClass === undefined)
    throw invalidArgument('entropyThreshold means something with triageClass only', { field: 'entropyThreshold' });
  const filter: PredictionFilter = { ...ranges };
  if (decision === 'HQ') filter.meanMin = Math.max(0.5, ranges.meanMin ?? 0);
  if (decision === 'LQ') filter.meanBelow = 0.5;
  if (triageClass === undefined) return { filter };
  const threshold = entropyThreshold ?? (await predictions.entropyQuantile(runNumber, entropyQuantileDefault));
  filter.dissent = triageClass === 'C' || triageClass === 'D';
  if (triageClass === 'B' || triageClass === 'D') filter.entropyAbove = threshold;
  else filter.entropyMax = Math.min(threshold, ranges.entropyMax ?? threshold);
  return { filter, entropyThreshold: threshold };
}
