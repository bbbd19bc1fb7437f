import type { PredictionRun, RunState } from '../domain/prediction-run.ts';
import type { PredictionsRepo } from '../repos/predictions.repo.ts';
import type { Store } from '../store.ts';

/** Ends a run and tells of it, in the caller's transaction; nothing happens to a run that has ended. */
export async function endPredictionRun(
  store: Pick<Store, 'predictionRuns' | 'announce' | 'cancelBatches'> & {
    predictions: Pick<PredictionsRepo, 'deletePredictions'>;
  },
  runId: string,
  state: Extract<RunState, 'done' | 'failed' | 'cancelled'>,
  reason = '',
): Promise<PredictionRun | undefined> {
  // Batches before the run, as whoever completes a batch does; a run that has ended has none left.
  if (state !== 'done') await store.cancelBatches(runId);
  const run = await store.predictionRuns.endRun(runId, state, reason);
  if (!run) return undefined;
  await store.predictionRuns.clearBatches(runId);
  // They can never be read, and may be as many as there are candidates. No batch can add to them: each was cancelled above, or had ended.
  if (state !== 'done') await store.predictions.deletePredictions(run.number);
  const pageSetId = run.selection.kind === 'page-set' ? run.selection.pageSetId : '';
  const rule = run.selection.kind === 'rule' ? run.selection.rule : '';
  const { ensembleId, predictedCount, noImageCount } = run;
  if (state === 'done')
    await store.announce('inference.run.completed', {
      runId,
      ensembleId,
      pageSetId,
      rule,
      predictedCount,
      noImageCount,
    });
  else if (state === 'failed')
    await store.announce('inference.run.failed', { runId, ensembleId, pageSetId, rule, reason });
  else await store.announce('inference.run.cancelled', { runId, ensembleId });
  return run;
}
