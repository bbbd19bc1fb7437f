import { notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { joinPageIds } from '../domain/prediction.ts';
import type { EnsemblesRepo } from '../repos/ensembles.repo.ts';
import type { PredictionRunsRepo } from '../repos/prediction-runs.repo.ts';
import type { TransactionStore } from '../store.ts';
import { endPredictionRun } from './end-prediction-run.ts';

export interface SelectPagesDeps {
  predictionRuns: Pick<PredictionRunsRepo, 'findRun' | 'markStarted'>;
  ensembles: Pick<EnsemblesRepo, 'findEnsemble'>;
  catalog: Pick<CatalogClient, 'streamPageIds'>;
  pagesPerBatchMax: number;
  log: Log;
}

export interface SelectPagesInput {
  runId: string;
  signal: AbortSignal;
  complete(write: (store: TransactionStore) => Promise<void>): Promise<void>;
}

/** A batch costs some commits whatever its size; so many of them still show how far a run has come, and keep several workers busy. */
const BATCHES_WANTED = 32;
const PAGES_PER_BATCH_MIN = 2000;
/** Networks take minutes for so many: more would be lost when a worker dies. */
const NETWORK_PAGES_PER_BATCH_MAX = 2000;

/** Cuts a run's pages into batches of ascending PageIDs, and queues them. */
export async function selectPages(
  { predictionRuns, ensembles, catalog, pagesPerBatchMax, log }: SelectPagesDeps,
  { runId, signal, complete }: SelectPagesInput,
): Promise<void> {
  const run = await predictionRuns.findRun(runId);
  if (!run) throw notFound('prediction run', runId);
  if (!(await predictionRuns.markStarted(runId))) return;
  // Written only under the claim: a worker that has lost it must not change what another has queued. Four bytes a page until then.
  const parts: Int32Array[] = [];
  for await (const pageIds of catalog.streamPageIds(run.selection, signal)) parts.push(Int32Array.from(pageIds));
  const pageIds = joinPageIds(parts);
  const isOfNetworks = (await ensembles.findEnsemble(run.ensembleId))?.method === 'finetune';
  const size = Math.min(
    pagesPerBatchMax,
    isOfNetworks ? NETWORK_PAGES_PER_BATCH_MAX : Infinity,
    Math.max(PAGES_PER_BATCH_MIN, Math.ceil(pageIds.length / BATCHES_WANTED)),
  );
  const batches = Array.from({ length: Math.ceil(pageIds.length / size) }, (_, number) =>
    pageIds.subarray(number * size, (number + 1) * size),
  );
  await complete(async (store) => {
    await store.predictionRuns.clearBatches(runId);
    for (const [number, part] of batches.entries()) await store.predictionRuns.putBatch(runId, number, part);
    await store.predictionRuns.setTotalCount(runId, pageIds.length);
    await store.enqueue(
      'predict',
      runId,
      batches.map((_, number) => ({ number })),
    );
    if (batches.length === 0) await endPredictionRun(store, runId, 'done');
  });
  log.info({ runId, pages: pageIds.length, batches: batches.length }, 'pages to predict selected');
}
