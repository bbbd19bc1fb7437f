import { failedPrecondition } from '@florilegium/errors';
import type { FetchRun } from '../domain/fetch-run.ts';
import type { RootStore } from '../store.ts';
import { findFetchRun } from './find-fetch-run.ts';

/** Opens the failed pages of an ended run again, them alone; of a run that failed, also what it did not come to. */
export async function retryFailedPages(
  { store, pagesPerBatch }: { store: RootStore; pagesPerBatch: number },
  id: string,
): Promise<FetchRun> {
  await findFetchRun(store, id);
  await store.inTransaction(async (bound) => {
    const run = (await bound.fetchRuns.lockRun(id))!;
    if (run.state !== 'done' && run.state !== 'failed')
      throw failedPrecondition(`fetch run ${id} is ${run.state}; only a run that is done or failed can be retried`);
    const failed = await bound.fetchPages.countFailed(id);
    const failedCount = Object.values(failed).reduce((sum, count) => sum + count, 0);
    if (run.state === 'done' && failedCount === 0) return;
    if (run.state === 'failed') await bound.retryFailedBatches(id);
    if (failedCount > 0) {
      const batchCount = Math.ceil(failedCount / pagesPerBatch);
      const first = await bound.fetchRuns.takeBatchNumbers(id, batchCount);
      await bound.fetchPages.reopenFailed(id, first, pagesPerBatch);
      await bound.enqueue(
        'fetch',
        id,
        Array.from({ length: batchCount }, (_, i) => ({ number: first + i })),
      );
    }
    await bound.fetchRuns.reopenRun(id, failed);
  });
  return await findFetchRun(store, id);
}
