import { messageOf, notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { eventMessage } from '@florilegium/messaging';
import type { InferenceClient } from '../clients/inference.client.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { Store } from '../store.ts';
import { moveTo } from './move-iteration.ts';

export interface CancelIterationDeps {
  store: Store;
  inference: Pick<InferenceClient, 'cancelPredictionRun'>;
  log: Log;
}

/** Stops an unfinished iteration; one that is cancelled already stays so. Its training hears of it by event. */
export async function cancelIteration(
  { store, inference, log }: CancelIterationDeps,
  number: number,
): Promise<Iteration> {
  const runIds = await store.inTransaction(async (tx) => {
    const found = await tx.iterations.find(number);
    const iteration = found && (await tx.iterations.lock(found.id));
    if (!iteration) throw notFound('iteration', number);
    if (iteration.state === 'cancelled') return [];
    await moveTo(tx, iteration, 'cancel');
    await tx.emit([
      eventMessage('curation.iteration.cancelled', {
        iterationId: iteration.id,
        iterationNumber: iteration.number,
        labelSetId: iteration.labelSetId ?? '',
      }),
    ]);
    const runs = await tx.iterations.listRuns(iteration.id);
    return runs.flatMap(({ runId, state }) => (runId && state === 'started' ? [runId] : []));
  });
  // The runs would end by themselves; stopping them only saves their work, so a failure here is no failure of the cancellation.
  await Promise.all(
    runIds.map((runId) =>
      inference.cancelPredictionRun(runId).catch((error: unknown) => {
        log.warn({ iteration: number, runId, reason: messageOf(error) }, 'prediction run could not be cancelled');
      }),
    ),
  );
  return (await store.iterations.find(number))!;
}
