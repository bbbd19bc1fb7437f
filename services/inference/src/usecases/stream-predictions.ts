import type { Prediction } from '../domain/prediction.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';
import type { PredictionsRepo } from '../repos/predictions.repo.ts';
import { getReadableRun } from './get-prediction-run.ts';

export interface StreamPredictionsDeps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun'>;
  predictions: PredictionsRepo;
}

/** Predictions of a run that is done, in ascending PageID, `limit` at a time. */
export async function* streamPredictions(
  deps: StreamPredictionsDeps,
  { runId, afterPageId, limit = 500 }: { runId: string; afterPageId: number; limit?: number },
): AsyncGenerator<Prediction[]> {
  const run = await getReadableRun(deps, runId);
  for (let after = afterPageId; ; ) {
    const part = await deps.predictions.listPredictions({ runNumber: run.number, afterPageId: after, limit });
    if (part.length > 0) yield part;
    if (part.length < limit) return;
    after = part.at(-1)!.pageId;
  }
}
