import { notFound } from '@florilegium/errors';
import { checkReadable, checkUuid, type PredictionRun } from '../domain/prediction-run.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';

interface Deps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun'>;
}

export async function getPredictionRun({ predictionRuns }: Deps, runId: string): Promise<PredictionRun> {
  const id = checkUuid(runId, 'runId');
  const run = await predictionRuns.findRun(id);
  if (!run) throw notFound('prediction run', id);
  return run;
}

/** A run whose predictions are all there. @throws failed_precondition for one that is not done */
export async function getReadableRun(deps: Deps, runId: string): Promise<PredictionRun> {
  const run = await getPredictionRun(deps, runId);
  checkReadable(run);
  return run;
}
