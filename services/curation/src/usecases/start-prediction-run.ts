import { failedPrecondition, internal } from '@florilegium/errors';
import type { InferenceClient, StartedRun } from '../clients/inference.client.ts';
import { pageSetNames } from '../domain/label.ts';
import type { IterationRun } from '../repos/iterations.repo.ts';
import type { Repos, Store, TxStore } from '../store.ts';

export interface PredictionRunDeps {
  store: Store;
  inference: Pick<InferenceClient, 'startPredictionRun'>;
}

/**
 * Starts the prediction run of one set of an iteration.
 * @returns the run, or undefined when the iteration does not wait for one any more
 * @throws failed_precondition while inference does not know the ensemble; the work is tried again
 */
export async function startPredictionRun(
  { store, inference }: PredictionRunDeps,
  { iterationId, setNumber }: { iterationId: string; setNumber: number },
): Promise<StartedRun | undefined> {
  const iteration = await store.iterations.findById(iterationId);
  const run = await findRun(store, iterationId, setNumber);
  if (iteration?.state !== 'predicting' || !iteration.ensembleId || !run) return undefined;
  const started = await inference.startPredictionRun(iteration.ensembleId, { pageSetId: run.pageSetId });
  if (started.state === 'failed' || started.state === 'cancelled')
    throw internal(
      `the prediction run over ${run.pageSet} is ${started.state}: ${started.reason || 'no reason given'}`,
    );
  return started;
}

/** In the transaction that ends the work: remembers the run; one that was done long ago has no event to wait for. */
export async function noteStartedRun(
  tx: TxStore,
  { iterationId, setNumber, started }: { iterationId: string; setNumber: number; started: StartedRun | undefined },
): Promise<void> {
  const pageSet = pageSetNames[setNumber]!;
  const iteration = await tx.iterations.lock(iterationId);
  if (iteration?.state !== 'predicting') return;
  if (!started) {
    const run = await findRun(tx, iterationId, setNumber);
    if (run?.state === 'waiting') throw failedPrecondition('the iteration was retried meanwhile');
    return;
  }
  await tx.iterations.setRunStarted(iterationId, pageSet, started.runId);
  if (started.state === 'done' && (await tx.iterations.setRunCompleted(iterationId, pageSet, started)))
    await tx.enqueue('collect', iterationId, [setNumber]);
}

/** The prediction run of one set of an iteration, by the set's number. */
export async function findRun(
  { iterations }: Pick<Repos, 'iterations'>,
  iterationId: string,
  setNumber: number,
): Promise<IterationRun | undefined> {
  return (await iterations.listRuns(iterationId)).find(({ pageSet }) => pageSet === pageSetNames[setNumber]);
}
