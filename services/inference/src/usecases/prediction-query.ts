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

type Quantiles = Pick<PredictionsRepo, 'entropyQuantile'>;

const remembered = new WeakMap<Quantiles, Map<number, Promise<number>>>();
const REMEMBERED_MAX = 1000;

/** The default threshold of a run that is done: its predictions change no more, and a reader who turns pages asks for each of them. */
function thresholdOf(predictions: Quantiles, runNumber: number): Promise<number> {
  const known = remembered.get(predictions) ?? new Map<number, Promise<number>>();
  remembered.set(predictions, known);
  let threshold = known.get(runNumber);
  if (!threshold) {
    threshold = predictions.entropyQuantile(runNumber, entropyQuantileDefault);
    known.set(runNumber, threshold);
    threshold.catch(() => known.delete(runNumber));
    if (known.size > REMEMBERED_MAX) known.delete(known.keys().next().value!);
  }
  return threshold;
}

/** The filter that a query asks for of a run that is done, and what told its class. @throws invalid_argument naming the field */
export async function filterOf(
  predictions: Quantiles,
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
  const threshold = entropyThreshold ?? (await thresholdOf(predictions, runNumber));
  filter.dissent = triageClass === 'C' || triageClass === 'D';
  if (triageClass === 'B' || triageClass === 'D') filter.entropyAbove = threshold;
  else filter.entropyMax = Math.min(threshold, ranges.entropyMax ?? threshold);
  return { filter, entropyThreshold: threshold };
}
