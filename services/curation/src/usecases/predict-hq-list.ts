import { internal } from '@florilegium/errors';
import type { InferenceClient, StartedRun } from '../clients/inference.client.ts';
import type { Store, TxStore } from '../store.ts';

export interface PredictHqListDeps {
  store: Store;
  inference: Pick<InferenceClient, 'startPredictionRun'>;
}

/** Starts the prediction run over all candidates of a list's rule. @returns undefined when the list does not wait for it any more */
export async function predictHqList(
  { store, inference }: PredictHqListDeps,
  listId: string,
): Promise<StartedRun | undefined> {
  const list = await store.hqLists.findById(listId);
  if (list?.state !== 'predicting' || list.ensembleId === null) return undefined;
  const started = await inference.startPredictionRun(list.ensembleId, {
    rule: list.rule,
    idempotencyKey: `hq-list-${listId}`,
  });
  if (started.state === 'failed' || started.state === 'cancelled')
    throw internal(`the prediction run over ${list.rule} is ${started.state}: ${started.reason || 'no reason given'}`);
  return started;
}

/** In the transaction that ends the work: remembers the run; one that was done long ago has no event to wait for. */
export async function noteListRun(tx: TxStore, listId: string, started: StartedRun): Promise<void> {
  const list = await tx.hqLists.lock(listId);
  if (list?.state !== 'predicting') return;
  await tx.hqLists.setRun(listId, started.runId);
  if (started.state !== 'done') return;
  await tx.hqLists.setNoImageCount(listId, started.noImageCount);
  await tx.enqueue('freeze-list', listId, [0]);
}
