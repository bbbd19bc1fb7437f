import { eventMessage } from '@florilegium/messaging';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { TxStore } from '../store.ts';
import { moveTo } from './move-iteration.ts';
import { triagePredictions } from './triage-predictions.ts';

/** When the scores and all predictions of an iteration are in: sorts them and opens the review. The iteration's row must be locked. */
export async function finishPredicting(tx: TxStore, iteration: Iteration): Promise<void> {
  if (iteration.state !== 'predicting' || !iteration.scoresImported) return;
  const runs = await tx.iterations.listRuns(iteration.id);
  if (runs.some(({ state }) => state !== 'collected')) return;
  await triagePredictions(tx, iteration);
  await moveTo(tx, iteration, 'predicted');
  await tx.emit([
    eventMessage('curation.iteration.predicted', {
      iterationId: iteration.id,
      iterationNumber: iteration.number,
      ensembleId: iteration.ensembleId ?? '',
    }),
  ]);
}
