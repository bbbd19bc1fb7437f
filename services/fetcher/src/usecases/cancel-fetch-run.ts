import { failedPrecondition } from '@florilegium/errors';
import type { FetchRun } from '../domain/fetch-run.ts';
import type { RootStore } from '../store.ts';
import { findFetchRun } from './find-fetch-run.ts';

/** Ends a run; images that it has stored stay. A run that is cancelled already stays so; one that has ended otherwise is refused. */
export async function cancelFetchRun({ store }: { store: RootStore }, id: string): Promise<FetchRun> {
  await findFetchRun(store, id);
  return await store.inTransaction(async (bound) => {
    // Batches before the run, as whoever completes a batch does.
    await bound.cancelBatches(id);
    const moved = await bound.fetchRuns.moveRun(id, ['pending', 'running', 'paused'], 'cancelled');
    if (moved) {
      await bound.announce('fetcher.fetch_run.cancelled', { fetchRunId: id });
      return moved;
    }
    const run = await findFetchRun(bound, id);
    if (run.state !== 'cancelled') throw failedPrecondition(`fetch run ${id} is ${run.state} already`);
    return run;
  });
}
