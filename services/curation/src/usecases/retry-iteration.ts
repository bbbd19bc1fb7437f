import { notFound } from '@florilegium/errors';
import { pageSetNames } from '../domain/label.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { Store, TxStore } from '../store.ts';
import { announceLabelSet, moveTo } from './move-iteration.ts';

/** A failed iteration goes on where it failed: its training is asked for again, or what its predictions still lack. */
export async function retryIteration({ store }: { store: Store }, number: number): Promise<Iteration> {
  await store.inTransaction(async (tx) => {
    const found = await tx.iterations.find(number);
    const iteration = found && (await tx.iterations.lock(found.id));
    if (!iteration) throw notFound('iteration', number);
    if (iteration.failedIn === 'predicting') await retryPredicting(tx, iteration);
    else await announceLabelSet(tx, await moveTo(tx, iteration, 'retryTraining'));
  });
  return (await store.iterations.find(number))!;
}

async function retryPredicting(tx: TxStore, iteration: Iteration): Promise<void> {
  await moveTo(tx, iteration, 'retryPredicting');
  if (!iteration.scoresImported) await tx.restart('import-scores', iteration.id, [0]);
  const runs = await tx.iterations.listRuns(iteration.id);
  const numbersIn = (...states: string[]) =>
    runs.filter(({ state }) => states.includes(state)).map(({ pageSet }) => pageSetNames.indexOf(pageSet));
  await tx.restart('predict', iteration.id, numbersIn('waiting', 'started'));
  await tx.restart('collect', iteration.id, numbersIn('completed'));
}
