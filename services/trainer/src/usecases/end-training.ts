import { failedPrecondition, notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { hasEnded, type Training } from '../domain/training.ts';
import { trainingsEnded } from '../metrics.ts';
import type { Store, Unit } from '../store.ts';
import { announceEnd } from './announce-end.ts';

/** Ends a training early, once, with its work and its event; false when it had ended already. */
export async function endTraining(
  unit: Unit,
  id: string,
  state: 'failed' | 'cancelled',
  reason: string | null,
): Promise<boolean> {
  // Batches before the training, as whoever completes a batch does; a training that has ended has none left.
  await unit.cancelWork(id);
  if (!(await unit.trainings.endTraining(id, state, reason))) return false;
  await announceEnd(unit, (await unit.trainings.findTraining(id))!);
  trainingsEnded.inc({ state });
  return true;
}

/** Throws not_found, and failed_precondition when it is done or failed. Cancelling twice is the same as once. */
export async function cancelTraining({ store }: { store: Store }, id: string): Promise<Training> {
  const training = await store.trainings.findTraining(id);
  if (!training) throw notFound('training', id);
  if (hasEnded(training.state)) {
    if (training.state === 'cancelled') return training;
    throw failedPrecondition(
      `training ${id} is ${training.state}; only one that is pending or running can be cancelled`,
    );
  }
  await store.inTransaction((unit) => endTraining(unit, id, 'cancelled', null));
  return (await store.trainings.findTraining(id))!;
}

/** Stops what an iteration is training, and keeps in mind that it wants nothing more. */
export async function cancelIterationTraining(
  { store, log }: { store: Store; log: Log },
  iterationId: string,
): Promise<void> {
  await store.inTransaction(async (unit) => {
    await unit.trainings.lockIteration(iterationId);
    await unit.trainings.noteCancelledIteration(iterationId);
    for (const { id } of await unit.trainings.findOpenOfIteration(iterationId)) {
      await endTraining(unit, id, 'cancelled', null);
      log.info({ trainingId: id, iterationId }, 'training cancelled with its iteration');
    }
  });
}
