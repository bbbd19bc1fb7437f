import { failedPrecondition } from '@florilegium/errors';
import type { FetchRun } from '../domain/fetch-run.ts';
import type { RootStore } from '../store.ts';
import { findFetchRun } from './find-fetch-run.ts';

/** Holds a run: its batches are taken back from the workers, which let go at their next heartbeat. A paused run stays so. */
export async function pauseFetchRun({ store }: { store: RootStore }, id: string): Promise<FetchRun> {
  await findFetchRun(store, id);
  return await store.inTransaction(async (bound) => {
    // Batches before the run, as whoever completes a batch does.
    await bound.cancelBatches(id);
    const paused = await bound.fetchRuns.pauseRun(id);
    if (paused) return paused;
    const run = await findFetchRun(bound, id);
    if (run.state !== 'paused') throw failedPrecondition(`fetch run ${id} is ${run.state} already`);
    return run;
  });
}

/** Goes on with a paused run: the batches that the pause took back are queued again. One that runs already stays as it is. */
export async function resumeFetchRun({ store }: { store: RootStore }, id: string): Promise<FetchRun> {
  await findFetchRun(store, id);
  return await store.inTransaction(async (bound) => {
    const run = (await bound.fetchRuns.lockRun(id))!;
    if (run.state === 'pending' || run.state === 'running') return run;
    if (run.state !== 'paused')
      throw failedPrecondition(`fetch run ${id} is ${run.state}; only a paused run can be resumed`);
    await bound.retryFailedBatches(id);
    return (await bound.fetchRuns.resumeRun(id))!;
  });
}
