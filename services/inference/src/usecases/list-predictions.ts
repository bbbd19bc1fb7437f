import type { Prediction } from '../domain/prediction.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';
import type { PredictionsRepo } from '../repos/predictions.repo.ts';
import { getReadableRun } from './get-prediction-run.ts';
import { filterOf, type PredictionQuery } from './prediction-query.ts';

export interface ListPredictionsDeps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun'>;
  predictions: PredictionsRepo;
}

export interface ListPredictionsInput extends PredictionQuery {
  runId: string;
  /** PageID after which to go on. */
  after: number;
  limit: number;
}

export interface ListedPredictions {
  predictions: Prediction[];
  next: number | null;
  entropyThreshold?: number;
}

/** Predictions of a run that is done, in ascending PageID, those that the query selects alone. */
export async function listPredictions(
  deps: ListPredictionsDeps,
  { runId, after, limit, ...query }: ListPredictionsInput,
): Promise<ListedPredictions> {
  const { number } = await getReadableRun(deps, runId);
  const { filter, ...told } = await filterOf(deps.predictions, number, query);
  const predictions = await deps.predictions.listPredictions({ runNumber: number, afterPageId: after, limit, filter });
  const next = predictions.length === limit ? predictions.at(-1)!.pageId : null;
  return { predictions, next, ...told };
}
