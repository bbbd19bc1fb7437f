import { notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';
import type { TransactionStore } from '../store.ts';
import { endPredictionRun } from './end-prediction-run.ts';

export interface SelectPagesDeps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun' | 'markStarted' | 'clearBatches' | 'putBatch'>;
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
  // An earlier try may have written some.
  await predictionRuns.clearBatches(runId);
  let batchCount = 0;
  let totalCount = 0;
  let part: number[] = [];
  const flush = async () => {
    await predictionRuns.putBatch(runId, batchCount, part);
    batchCount += 1;
    totalCount += part.length;
    part = [];
  };
  for await (const pageIds of catalog.streamPageIds(run.selection, signal)) {
    for (const pageId of pageIds) {
      part.push(pageId);
      if (part.length === pagesPerBatch) await flush();
    }
  }
  if (part.length > 0) await flush();
  await complete(async (store) => {
    await store.predictionRuns.setTotalCount(runId, totalCount);
    await store.enqueue(
      'predict',
      runId,
      Array.from({ length: batchCount }, (_, number) => ({ number })),
    );
    if (batchCount === 0) await endPredictionRun(store, runId, 'done');
  });
  log.info({ runId, pages: totalCount, batches: batchCount }, 'pages to predict selected');
}
