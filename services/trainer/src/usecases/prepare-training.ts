import { setTimeout as pause } from 'node:timers/promises';
import type { ProbeParameters } from '@florilegium/ensemble/arithmetic';
import { unavailable } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { ClaimedBatch } from '@florilegium/work';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { CurationClient } from '../clients/curation.client.ts';
import type { EmbeddingBackbone, InferenceClient } from '../clients/inference.client.ts';
import { pagesDropped, phaseSeconds } from '../metrics.ts';
import type { Schema } from '../schema.ts';
import { type Store, unitOn } from '../store.ts';
import type { Compute } from '../training/compute.ts';
import { encodeDataset } from '../training/dataset.ts';

export interface PrepareTrainingDeps {
  store: Store;
  objects: ObjectStore;
  compute: Compute;
  curation: Pick<CurationClient, 'readLabelSet'>;
  catalog: Pick<CatalogClient, 'itemsOf'>;
  inference: Pick<InferenceClient, 'currentBackbone' | 'streamEmbeddings'>;
  log: Log;
  /** Largest label set. */
  labelsMax: number;
  /** How long nothing may come while embeddings are pending. */
  embeddingWaitMs: number;
}

/** First phase: gathers what the members train on into one object, and chooses the strength of L2 for all of them. */
export async function prepareTraining(deps: PrepareTrainingDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const timer = phaseSeconds.startTimer({ phase: 'prepare' });
  const { signal } = batch;
  const training = await deps.store.trainings.markRunning(batch.runId);
  if (!training) return;
  const labelSet = await deps.curation.readLabelSet(training.labelSetId, deps.labelsMax, signal);
  const pageIds = labelSet.pages.map((page) => page.pageId);
  const items = await deps.catalog.itemsOf(pageIds, signal);
  const backbone = await deps.inference.currentBackbone(signal);
  const embeddings = await gatherEmbeddings(
    deps,
    pageIds.filter((pageId) => items.has(pageId)),
    backbone,
    signal,
  );

  const pages = labelSet.pages.filter((page) => embeddings.has(page.pageId)).sort((a, b) => a.pageId - b.pageId);
  const droppedPageCount = labelSet.pages.length - pages.length;
  const dataset = encodeDataset({
    dims: backbone.dimensions,
    pageIds: Int32Array.from(pages, (page) => page.pageId),
    itemIds: Int32Array.from(pages, (page) => items.get(page.pageId)!),
    labels: pages.map((page) => page.label),
    halves: Buffer.concat(pages.map((page) => embeddings.get(page.pageId)!)),
  });
  const parameters = training.parameters as unknown as ProbeParameters;
  const { l2, tried, tensorflowBackend } = await deps.compute.run(
    { kind: 'choose-l2', dataset, parameters },
    { signal },
  );
  const stored = await deps.objects.putContent('models', 'bin', dataset);
  await batch.complete(async (tx) => {
    const unit = unitOn(tx);
    await unit.trainings.recordPreparation(training.id, {
      labelSetSha256: labelSet.sha256,
      pageCount: pages.length,
      droppedPageCount,
      dataset: { key: stored.key, sha256: stored.sha256 },
      backbone: { name: backbone.name, sha256: backbone.sha256 },
      tensorflowBackend,
      l2,
      l2Tried: tried,
    });
    await unit.enqueue(
      'member',
      training.id,
      Array.from({ length: training.memberCount }, (_, number) => ({ number })),
    );
  });
  pagesDropped.inc(droppedPageCount);
  deps.log.info(
    { trainingId: training.id, pageCount: pages.length, droppedPageCount, l2, seconds: timer() },
    'training prepared',
  );
}

/**
 * Half floats of each page that has an embedding. Pending pages are asked for again until they come; pages that will never have one
 * are left out. Throws unavailable when nothing came for `embeddingWaitMs`, so the batch is tried again later.
 */
async function gatherEmbeddings(
  { inference, embeddingWaitMs, log }: PrepareTrainingDeps,
  pageIds: readonly number[],
  backbone: EmbeddingBackbone,
  signal: AbortSignal,
): Promise<Map<number, Uint8Array>> {
  const embeddings = new Map<number, Uint8Array>();
  const bytes = 2 * backbone.dimensions;
  let waitingFor = [...pageIds];
  let lastProgressAt = Date.now();
  for (let round = 0; waitingFor.length > 0; round++) {
    const pending: number[] = [];
    for await (const message of inference.streamEmbeddings(waitingFor, backbone, signal)) {
      for (const [at, pageId] of message.pageIds.entries()) {
        embeddings.set(pageId, message.halves.subarray(at * bytes, (at + 1) * bytes));
      }
      pending.push(...message.pendingPageIds);
    }
    if (pending.length < waitingFor.length) lastProgressAt = Date.now();
    waitingFor = pending;
    if (waitingFor.length === 0) break;
    if (Date.now() - lastProgressAt >= embeddingWaitMs) {
      throw unavailable(
        `the embeddings of ${waitingFor.length} labelled pages did not come within ${embeddingWaitMs / 1000} s`,
      );
    }
    log.debug({ pendingCount: waitingFor.length }, 'waiting for embeddings');
    // Embedding runs at tens of pages a second: asking more often than this brings nothing sooner.
    await pause(Math.min(3000, 250 * 2 ** round), undefined, { signal });
  }
  return embeddings;
}
