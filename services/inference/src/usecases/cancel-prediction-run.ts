import { failedPrecondition, notFound } from '@florilegium/errors';
import { checkUuid, type PredictionRun } from '../domain/prediction-run.ts';
import type { RootStore } from '../store.ts';
import { endPredictionRun } from './end-prediction-run.ts';

/** Cancels a run; one that is cancelled already is answered as it is, one that has ended otherwise is failed_precondition. */
export async function cancelPredictionRun(
  { store }: { store: Pick<RootStore, 'predictionRuns' | 'inTransaction'> },
  runId: string,
): Promise<PredictionRun> {
  const id = checkUuid(runId, 'runId');
  const ended = await store.inTransaction((tx) => endPredictionRun(tx, id, 'cancelled'));
  const run = ended ?? (await store.predictionRuns.findRun(id));
  if (!run) throw notFound('prediction run', id);
  if (run.state !== 'cancelled') throw failedPrecondition(`prediction run ${id} is ${run.state} already`);
  return run;
}
