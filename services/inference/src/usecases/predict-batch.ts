import { setTimeout as sleep } from 'node:timers/promises';
import type { Ensemble } from '@florilegium/ensemble';
import { failedPrecondition, internal, notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { EnsembleArtifacts } from '../clients/ensemble-artifacts.client.ts';
import { pageIdsMax, type ShardPart } from '../domain/embedding.ts';
import type { RecordedEnsemble } from '../domain/ensemble.ts';
import { joinPageIds, type PredictedPages } from '../domain/prediction.ts';
import type { HeadRunner } from '../heads/head-runner.ts';
import { countPredicted } from '../metrics.ts';
import type { NetworkRunner } from '../networks/network-runner.ts';
import type { EnsemblesRepo } from '../repos/ensembles.repo.ts';
import type { RootStore, TransactionStore } from '../store.ts';
import { endPredictionRun } from './end-prediction-run.ts';
import { createPatience } from './patience.ts';
import { type PredictImagesDeps, predictImages } from './predict-images.ts';
import { type RequestEmbeddingsDeps, requestEmbeddings } from './request-embeddings.ts';

export interface PredictBatchDeps extends RequestEmbeddingsDeps, PredictImagesDeps {
  fetcher: RequestEmbeddingsDeps['fetcher'] & PredictImagesDeps['fetcher'];
  store: Pick<RootStore, 'embeddings' | 'predictionRuns' | 'inTransaction'> & {
    ensembles: Pick<EnsemblesRepo, 'findEnsemble'>;
  };
  artifacts: Pick<EnsembleArtifacts, 'load' | 'readManifest'>;
  heads: Pick<HeadRunner, 'predict'>;
  networks: Pick<NetworkRunner, 'predict' | 'turns'>;
  /** How long a batch waits for its embeddings or images, while no page at all is embedded, before it is given back or goes on without. */
  embeddingWaitMs: number;
  log: Log;
}

export interface PredictBatchInput {
  runId: string;
  number: number;
  signal: AbortSignal;
  /** `writeRows` goes first, side by side with other batches; `write` while no other batch of the run can end. */
  complete(
    write: (store: TransactionStore, left: { isLast: boolean }) => Promise<void>,
    writeRows: (store: TransactionStore) => Promise<void>,
  ): Promise<void>;
}

const POLL_MS = 250;
/** How often the fetcher is asked about images on their way. */
const AWAITED_POLL_MS = 2000;

/** Predicts the pages of one batch with all members, and ends the run when it was the last. */
export async function predictBatch(deps: PredictBatchDeps, input: PredictBatchInput): Promise<void> {
  const { store, log } = deps;
  const { runId, number, complete } = input;
  const run = await store.predictionRuns.findRun(runId);
  const batch = await store.predictionRuns.describeBatch(runId, number);
  if (!run || !batch) throw notFound('prediction batch', `${runId} ${number}`);
  const record = await store.ensembles.findEnsemble(run.ensembleId);
  if (!record) throw notFound('ensemble', run.ensembleId);
  const predicted =
    record.method === 'finetune'
      ? await predictStoredImages(deps, record, input)
      : await predictEmbeddings(deps, record, input, batch.pageCount);
  const predictedCount = predicted.pageIds.length;
  const noImage = batch.pageCount - predictedCount;
  await complete(
    async (tx, { isLast }) => {
      await tx.predictionRuns.addCounts(runId, { predicted: predictedCount, noImage });
      if (isLast) await endPredictionRun(tx, runId, 'done');
    },
    (tx) => tx.copyPredictions(run.number, predicted),
  );
  countPredicted(predictedCount);
  // A batch holds thousands of pages: its ends show whether a page is in it.
  const { pageIdMin, pageIdMax } = batch;
  log.info({ runId, batch: number, predicted: predictedCount, noImage, pageIdMin, pageIdMax }, 'batch predicted');
}

async function pageIdsOf({ store }: PredictBatchDeps, { runId, number }: PredictBatchInput): Promise<number[]> {
  const pageIds = await store.predictionRuns.findBatch(runId, number);
  if (!pageIds) throw notFound('prediction batch', `${runId} ${number}`);
  return pageIds;
}

/** Predictions of the pages that have an image, by networks; those that are to come are waited for. */
async function predictStoredImages(
  deps: PredictBatchDeps,
  record: RecordedEnsemble,
  input: PredictBatchInput,
): Promise<PredictedPages> {
  const { signal } = input;
  const pageIds = await pageIdsOf(deps, input);
  await settleImages(deps, pageIds, signal);
  return await deps.networks.turns.take(() => predictImages(deps, record, pageIds, signal), signal);
}

/** Predictions of the pages that have an embedding, by heads; those that are to come are waited for. */
async function predictEmbeddings(
  deps: PredictBatchDeps,
  record: RecordedEnsemble,
  batch: PredictBatchInput,
  pageCount: number,
): Promise<PredictedPages> {
  const { signal } = batch;
  const ensemble = await loadEnsemble(deps, record);
  const parts = await awaitEmbeddings(deps, batch, pageCount);
  for (const { shard } of parts) {
    if (shard.dimensions !== ensemble.dims)
      throw internal(
        `the embeddings of ${shard.key} have ${shard.dimensions} dimensions, the ensemble wants ${ensemble.dims}`,
      );
  }
  const memberCount = ensemble.members.length;
  const pageIds = joinPageIds(parts.map((part) => part.pageIds));
  const members = await deps.heads.predict({ ensembleName: record.manifestSha256, ensemble, parts });
  signal.throwIfAborted();
  if (members.length !== pageIds.length * memberCount)
    throw internal(`${members.length} probabilities for ${pageIds.length} pages and ${memberCount} members`);
  return { pageIds, memberCount, members };
}

/** Where the embeddings of the pages lie, once all that can come are there. Pages without an image are left out. */
async function awaitEmbeddings(
  deps: PredictBatchDeps,
  batch: PredictBatchInput,
  pageCount: number,
): Promise<ShardPart[]> {
  const { signal } = batch;
  const located = await deps.store.embeddings.locateBatch(deps.backbone.id, batch.runId, batch.number);
  if (located.reduce((sum, part) => sum + part.pageIds.length, 0) === pageCount) return located;
  const found = new Set(located.flatMap((part) => Array.from(part.pageIds)));
  const missing = (await pageIdsOf(deps, batch)).filter((pageId) => !found.has(pageId));
  await settleEmbeddings(deps, missing, signal);
  return [...located, ...(await deps.store.embeddings.locatePages(deps.backbone.id, missing))];
}

/** Waits until each page is embedded or cannot be. */
async function settleEmbeddings(
  deps: PredictBatchDeps,
  pageIds: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const isInVain = createPatience(
    deps.embeddingWaitMs,
    async () => (await deps.store.embeddings.countEmbeddings(deps.backbone.id)).embedded,
  );
  let missing = pageIds;
  for (;;) {
    const records = await deps.store.embeddings.findEmbeddings(deps.backbone.id, missing);
    const pending = records.filter(({ state }) => state === 'pending').map(({ pageId }) => pageId);
    const known = new Set(records.filter(({ state }) => state !== 'gone').map(({ pageId }) => pageId));
    const unknown = missing.filter((pageId) => !known.has(pageId));
    const awaited: number[] = [];
    for (let from = 0; from < unknown.length; from += pageIdsMax) {
      const requested = await requestEmbeddings(deps, unknown.slice(from, from + pageIdsMax));
      pending.push(...requested.embeddable);
      awaited.push(...requested.awaited);
    }
    if (pending.length + awaited.length === 0) return;
    if (await isInVain()) {
      if (pending.length > 0) throw failedPrecondition(`${pending.length} pages are not embedded yet`);
      warnOfMissing(deps, awaited.length);
      return;
    }
    missing = [...pending, ...awaited];
    await sleep(pending.length > 0 ? POLL_MS : AWAITED_POLL_MS, undefined, { signal });
  }
}

/** Waits until each page has an image or cannot have one; pages that the service embeds as they are stored show that fetching goes on. */
async function settleImages(deps: PredictBatchDeps, pageIds: readonly number[], signal: AbortSignal): Promise<void> {
  const isInVain = createPatience(deps.embeddingWaitMs, async () => {
    const { embedded, pending, failed } = await deps.store.embeddings.countEmbeddings(deps.backbone.id);
    return embedded + pending + failed;
  });
  let missing = pageIds;
  for (;;) {
    const awaited: number[] = [];
    for (let from = 0; from < missing.length; from += pageIdsMax) {
      const images = await deps.fetcher.getImageStates(missing.slice(from, from + pageIdsMax));
      awaited.push(...images.filter(({ kind }) => kind === 'awaited').map(({ pageId }) => pageId));
    }
    if (awaited.length === 0) return;
    if (await isInVain()) return warnOfMissing(deps, awaited.length);
    missing = awaited;
    await sleep(AWAITED_POLL_MS, undefined, { signal });
  }
}

/** Nothing is being fetched any more (a fetch run was paused, a host is down): the run ends without these pages. */
const warnOfMissing = ({ log }: PredictBatchDeps, awaitedCount: number) =>
  log.warn({ awaitedCount }, 'images did not come; their pages count as without one');

const ENSEMBLES_MAX = 4;
const loaded = new Map<string, Promise<Ensemble>>();

/** The newest ensembles stay in memory: a run has many batches, and an ensemble some hundred kilobytes. */
async function loadEnsemble({ artifacts }: PredictBatchDeps, record: RecordedEnsemble): Promise<Ensemble> {
  let loading = loaded.get(record.manifestSha256);
  if (!loading) {
    loading = artifacts.load(record.manifestKey, record.manifestSha256).then((unpacked) => {
      if (unpacked.method === 'finetune') throw internal(`${record.manifestKey} is an ensemble of networks`);
      return unpacked.ensemble;
    });
    loaded.set(record.manifestSha256, loading);
    loading.catch(() => loaded.delete(record.manifestSha256));
    for (const oldest of loaded.keys()) {
      if (loaded.size <= ENSEMBLES_MAX) break;
      loaded.delete(oldest);
    }
  }
  return await loading;
}
