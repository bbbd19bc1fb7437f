import { contractSizeOf } from '../contract-values.ts';
import type { Store } from '../store.ts';

/** A run without open pages is done, and says so. Called in the transaction that ended its last batch. */
export async function endFetchRun(store: Store, runId: string): Promise<void> {
  const run = await store.fetchRuns.moveRun(runId, ['running'], 'done');
  if (!run) return;
  await store.announce('fetcher.fetch_run.completed', {
    fetchRunId: run.id,
    size: contractSizeOf(run.size),
    storedCount: run.storedCount,
    failedCount: run.failedCount,
  });
}

/** A batch gave up: the run has failed, and nothing more of it is done. */
export async function failFetchRun(store: Store, runId: string, reason: string): Promise<void> {
  const run = await store.fetchRuns.moveRun(runId, ['pending', 'running'], 'failed', reason);
  if (!run) return;
  await store.cancelBatches(runId);
  await store.announce('fetcher.fetch_run.failed', { fetchRunId: runId, reason });
}
