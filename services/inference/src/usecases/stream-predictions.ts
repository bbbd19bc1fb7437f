import type { Prediction } from '../domain/prediction.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';
import type { PredictionsRepo } from '../repos/predictions.repo.ts';
import { getReadableRun } from './get-prediction-run.ts';
import { filterOf, type PredictionQuery } from './prediction-query.ts';

export interface StreamPredictionsDeps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun'>;
  predictions: PredictionsRepo;
}

/** Predictions of a run that is done, in ascending PageID, `limit` at a time, those that the query selects alone. */
export async function* streamPredictions(
  deps: StreamPredictionsDeps,
  {
    runId,
    afterPageId,
    query = {},
    limit = 500,
  }: { runId: string; afterPageId: number; query?: PredictionQuery | undefined; limit?: number },
): AsyncGenerator<Prediction[]> {
  const { number } = await getReadableRun(deps, runId);
  const { filter } = await filterOf(deps.predictions, number, query);
  for (let after = afterPageId; ; ) {
    const part = await deps.predictions.listPredictions({ runNumber: number, afterPageId: after, limit, filter });
    if (part.length > 0) yield part;
    if (part.length < limit) return;
    after = part.at(-1)!.pageId;
  }
}
