import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { Store } from '../store.ts';

export interface ClearWeightsDeps {
  store: Pick<Store, 'trainings'>;
  objects: Pick<ObjectStore, 'delete'>;
  log: Log;
}

/** By then a worker that was given up for lost has noticed it too. */
const keptMs = 3_600_000;
const trainingsMax = 100;

/** Deletes the weights of members whose training failed or was cancelled: no ensemble names them, and five AlexNets are 1.1 GB. */
export async function clearWeights(
  { store, objects, log }: ClearWeightsDeps,
  signal: AbortSignal,
  { endedBefore = new Date(Date.now() - keptMs) } = {},
): Promise<void> {
  for (;;) {
    const useless = await store.trainings.findUselessWeights(endedBefore, trainingsMax);
    if (useless.length === 0) return;
    for (const { keys } of useless) {
      for (const key of keys) {
        signal.throwIfAborted();
        await objects.delete(key);
      }
    }
    await store.trainings.markWeightsCleared(useless.map(({ id }) => id));
    const deleted = useless.reduce((sum, { keys }) => sum + keys.length, 0);
    if (deleted > 0) log.info({ trainings: useless.length, deleted }, 'weights of ended trainings cleared');
  }
}
