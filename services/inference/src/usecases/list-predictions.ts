import { invalidArgument } from '@florilegium/errors';
import type { Prediction } from '../domain/prediction.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';
import type { PredictionFilter, PredictionsRepo } from '../repos/predictions.repo.ts';
import { getReadableRun } from './get-prediction-run.ts';

/** A no dissent, low entropy; B no dissent, high entropy; C dissent, low entropy; D dissent, high entropy. */
export type TriageClass = 'A' | 'B' | 'C' | 'D';

export interface ListPredictionsDeps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun'>;
  predictions: PredictionsRepo;
}

export interface ListPredictionsInput {
  runId: string;
  /** PageID after which to go on. */
  after: number;
  limit: number;
  meanMin?: number;
  meanMax?: number;
  entropyMin?: number;
  entropyMax?: number;
  disagreementMin?: number;
  disagreementMax?: number;
  decision?: 'HQ' | 'LQ';
  triageClass?: TriageClass;
  /** In nats; above it entropy is high. */
  entropyThreshold?: number;
}

export interface ListedPredictions {
  predictions: Prediction[];
  next: number | null;
  entropyThreshold?: number;
}

/** Where curation draws the line too, unless it is configured. */
const entropyQuantileDefault = 0.8;

/** Predictions of a run that is done, in ascending PageID, those in the ranges, of the decision and of the class alone. */
export async function listPredictions(
  deps: ListPredictionsDeps,
  input: ListPredictionsInput,
): Promise<ListedPredictions> {
  const { runId, after, limit, decision, triageClass, entropyThreshold, ...ranges } = input;
  for (const name of ['mean', 'entropy', 'disagreement'] as const) {
    const [min, max] = [ranges[`${name}Min`], ranges[`${name}Max`]];
    if (min !== undefined && max !== undefined && min > max)
      throw invalidArgument(`${name}Min is greater than ${name}Max`, { field: `${name}Min` });
  }
  if (entropyThreshold !== undefined && triageClass === undefined)
    throw invalidArgument('entropyThreshold means something with triageClass only', { field: 'entropyThreshold' });
  const { number } = await getReadableRun(deps, runId);
  const filter: PredictionFilter = { ...ranges };
  if (decision === 'HQ') filter.meanMin = Math.max(0.5, ranges.meanMin ?? 0);
  if (decision === 'LQ') filter.meanBelow = 0.5;
  let threshold: number | undefined;
  if (triageClass !== undefined) {
    threshold = entropyThreshold ?? (await deps.predictions.entropyQuantile(number, entropyQuantileDefault));
    filter.dissent = triageClass === 'C' || triageClass === 'D';
    if (triageClass === 'B' || triageClass === 'D') filter.entropyAbove = threshold;
    else filter.entropyMax = Math.min(threshold, ranges.entropyMax ?? threshold);
  }
  const predictions = await deps.predictions.listPredictions({ runNumber: number, afterPageId: after, limit, filter });
  const next = predictions.length === limit ? predictions.at(-1)!.pageId : null;
  return { predictions, next, ...(threshold !== undefined && { entropyThreshold: threshold }) };
}
