import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { Store } from '../store.ts';
import { scratch } from '../training/scratch.ts';

export interface ClearScratchDeps {
  store: Pick<Store, 'trainings'>;
  objects: Pick<ObjectStore, 'list' | 'delete'>;
  log: Log;
}

/** Objects looked at before their trainings are asked about. */
const keysMax = 500;

/**
 * Deletes what trainings that have ended left behind, whoever ended them and however: a sweep, since a worker may die before it tidies up, or write a
 * checkpoint after a cancellation.
 */
export async function clearScratch({ store, objects, log }: ClearScratchDeps, signal: AbortSignal): Promise<number> {
  let deleted = 0;
  let keys: string[] = [];
  const clear = async () => {
    const ids = [...new Set(keys.map(scratch.trainingIdOf))];
    const ended = new Set(await store.trainings.findEnded(ids));
    for (const key of keys) {
      if (!ended.has(scratch.trainingIdOf(key))) continue;
      await objects.delete(key);
      deleted++;
    }
    keys = [];
  };
  for await (const { key } of objects.list(scratch.prefix)) {
    signal.throwIfAborted();
    keys.push(key);
    if (keys.length >= keysMax) await clear();
  }
  await clear();
  if (deleted > 0) log.info({ deleted }, 'scratch of ended trainings cleared');
  return deleted;
}
