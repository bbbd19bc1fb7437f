import { notFound } from '@florilegium/errors';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { Store } from '../store.ts';
import { moveTo } from './move-iteration.ts';

/** Ends the review of an iteration; closed already, it stays so. */
export async function closeIteration({ store }: { store: Store }, number: number): Promise<Iteration> {
  await store.inTransaction(async (tx) => {
    const found = await tx.iterations.find(number);
    const iteration = found && (await tx.iterations.lock(found.id));
    if (!iteration) throw notFound('iteration', number);
    if (iteration.state !== 'closed') await moveTo(tx, iteration, 'close');
  });
  return (await store.iterations.find(number))!;
}
