import { mayMove } from '../domain/iteration.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { TxStore } from '../store.ts';
import { moveTo } from './move-iteration.ts';

/**
 * Ends an iteration that cannot go on, with its reason; one that is not under way any more stays as it is. Its row must be locked.
 * Work that is still queued for it finds the state and does nothing.
 */
export async function failIteration(tx: TxStore, iteration: Iteration, reason: string): Promise<void> {
  if (!mayMove(iteration.state, 'fail')) return;
  await moveTo(tx, iteration, 'fail', reason);
}

/** The training ended without an ensemble. */
export async function failTraining(
  tx: TxStore,
  training: { trainingId: string; iterationId: string; labelSetId: string; reason: string },
): Promise<void> {
  if (!(await tx.iterations.noteEndedRun(training.trainingId))) return;
  const iteration = training.iterationId === '' ? undefined : await tx.iterations.lock(training.iterationId);
  if (iteration?.labelSetId === training.labelSetId && (iteration.state === 'training' || iteration.state === 'frozen'))
    await failIteration(tx, iteration, training.reason);
}
