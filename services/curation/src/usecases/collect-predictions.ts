import type { InferenceClient } from '../clients/inference.client.ts';
import { pageSetNames } from '../domain/label.ts';
import type { Store, TxStore } from '../store.ts';
import { finishPredicting } from './finish-predicting.ts';
import { findRun } from './start-prediction-run.ts';

export interface CollectPredictionsDeps {
  store: Store;
  inference: Pick<InferenceClient, 'streamPredictions'>;
}

/**
 * Reads the predictions of one set. Those of the heldout set stay with inference: no queue, no curve and no decision here may look at
 * them, so that they go on measuring what nobody has steered by.
 */
export async function collectPredictions(
  { store, inference }: CollectPredictionsDeps,
  { iterationId, setNumber, signal }: { iterationId: string; setNumber: number; signal: AbortSignal },
): Promise<void> {
  const iteration = await store.iterations.findById(iterationId);
  const run = await findRun(store, iterationId, setNumber);
  if (iteration?.state !== 'predicting' || !run?.runId || run.pageSet === 'heldout') return;
  for await (const predictions of inference.streamPredictions(run.runId, signal))
    await store.predictions.putPredictions(iterationId, predictions);
}

/** In the transaction that ends the work. */
export async function markCollected(
  tx: TxStore,
  { iterationId, setNumber }: { iterationId: string; setNumber: number },
): Promise<void> {
  const iteration = await tx.iterations.lock(iterationId);
  // Cancelled or failed meanwhile: a retry collects again.
  if (iteration?.state !== 'predicting') return;
  await tx.iterations.setRunCollected(iterationId, pageSetNames[setNumber]!);
  await finishPredicting(tx, iteration);
}
