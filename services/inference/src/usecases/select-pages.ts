import { notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';
import type { TransactionStore } from '../store.ts';
import { endPredictionRun } from './end-prediction-run.ts';

export interface SelectPagesDeps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun' | 'markStarted'>;
  catalog: Pick<CatalogClient, 'streamPageIds'>;
  pagesPerBatch: number;
  log: Log;
}

export interface SelectPagesInput {
  runId: string;
  signal: AbortSignal;
  complete(write: (store: TransactionStore) => Promise<void>): Promise<void>;
}

/** Cuts a run's pages into batches of ascending PageIDs, and queues them. */
export async function selectPages(
  { predictionRuns, catalog, pagesPerBatch, log }: SelectPagesDeps,
  { runId, signal, complete }: SelectPagesInput,
): Promise<void> {
  const run = await predictionRuns.findRun(runId);
  if (!run) throw notFound('prediction run', runId);
  if (!(await predictionRuns.markStarted(runId))) return;
  // Written only under the claim: a worker that has lost it must not change what another has queued. Four bytes a page until then.
  const batches: Int32Array[] = [];
  let totalCount = 0;
  let part: number[] = [];
  const cut = () => {
    batches.push(Int32Array.from(part));
    totalCount += part.length;
    part = [];
  };
  for await (const pageIds of catalog.streamPageIds(run.selection, signal)) {
    for (const pageId of pageIds) {
      part.push(pageId);
      if (part.length === pagesPerBatch) cut();
    }
  }
  if (part.length > 0) cut();
  await complete(async (store) => {
    await store.predictionRuns.clearBatches(runId);
    for (const [number, pageIds] of batches.entries())
      await store.predictionRuns.putBatch(runId, number, Array.from(pageIds));
    await store.predictionRuns.setTotalCount(runId, totalCount);
    await store.enqueue(
      'predict',
      runId,
      batches.map((_, number) => ({ number })),
    );
    if (batches.length === 0) await endPredictionRun(store, runId, 'done');
  });
  log.info({ runId, pages: totalCount, batches: batches.length }, 'pages to predict selected');
}
