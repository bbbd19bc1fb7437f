import { checkLabels, type FinetuneParameters, type ProbeParameters } from '@florilegium/ensemble';
import { networkBackbone } from '@florilegium/ensemble/pixels';
import { invalidArgument } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { ClaimedBatch } from '@florilegium/work';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { CurationClient, LabelSet } from '../clients/curation.client.ts';
import type { InferenceClient } from '../clients/inference.client.ts';
import type { DroppedPage, Training } from '../domain/training.ts';
import { pagesDropped, phaseSeconds } from '../metrics.ts';
import type { Preparation } from '../repos/trainings.repo.ts';
import type { Schema } from '../schema.ts';
import { type Store, unitOn } from '../store.ts';
import type { Compute } from '../training/compute.ts';
import { encodeDataset } from '../training/dataset.ts';
import { scratch } from '../training/scratch.ts';
import { type GatherEmbeddingsDeps, gatherEmbeddings } from './gather-embeddings.ts';
import { awaitImages, type GatherImagesDeps, streamPixels } from './gather-images.ts';

export interface PrepareTrainingDeps extends GatherEmbeddingsDeps, GatherImagesDeps {
  store: Store;
  objects: ObjectStore;
  compute: Compute;
  curation: Pick<CurationClient, 'readLabelSet'>;
  catalog: Pick<CatalogClient, 'itemsOf'>;
  inference: Pick<InferenceClient, 'currentBackbone' | 'countEmbedded' | 'streamEmbeddings'>;
  log: Log;
  /** Largest label set. */
  labelsMax: number;
  /** Largest object of pixels, for `finetune`. */
  imageDatasetBytesMax: number;
}

interface LabelledPage {
  pageId: number;
  label: LabelSet['pages'][number]['label'];
  itemId: number;
}

type Prepared = Omit<Preparation, 'labelSetSha256' | 'dropped'>;

/** First phase: gathers what the members train on into objects of the training's own. */
export async function prepareTraining(deps: PrepareTrainingDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const timer = phaseSeconds.startTimer({ phase: 'prepare' });
  const { signal } = batch;
  const training = await deps.store.trainings.markRunning(batch.runId);
  if (!training) return;
  const labelSet = await deps.curation.readLabelSet(training.labelSetId, deps.labelsMax, signal);
  const dropped: DroppedPage[] = [];
  const pages = await withItems(deps, labelSet, dropped, signal);
  const prepare = training.method === 'finetune' ? prepareImages : prepareEmbeddings;
  const prepared = await prepare(deps, training, batch, pages, (page) => dropped.push(page));
  await batch.complete(async (tx) => {
    const unit = unitOn(tx);
    await unit.trainings.recordPreparation(training.id, { ...prepared, labelSetSha256: labelSet.sha256, dropped });
    await unit.enqueue(
      'member',
      training.id,
      Array.from({ length: training.memberCount }, (_, number) => ({ number })),
    );
  });
  pagesDropped.inc(dropped.length);
  const { pageCount, l2 } = prepared;
  deps.log.info(
    {
      trainingId: training.id,
      method: training.method,
      pageCount,
      droppedPageCount: dropped.length,
      l2,
      seconds: timer(),
    },
    'training prepared',
  );
}

/** The labelled pages that catalog knows, in ascending PageID. */
async function withItems(
  { catalog }: PrepareTrainingDeps,
  labelSet: LabelSet,
  dropped: DroppedPage[],
  signal: AbortSignal,
): Promise<LabelledPage[]> {
  const items = await catalog.itemsOf(
    labelSet.pages.map(({ pageId }) => pageId),
    signal,
  );
  return labelSet.pages
    .toSorted((a, b) => a.pageId - b.pageId)
    .flatMap(({ pageId, label }) => {
      const itemId = items.get(pageId);
      if (itemId !== undefined) return [{ pageId, label, itemId }];
      dropped.push({ pageId, reason: 'the catalog does not know its item' });
      return [];
    });
}

/** For `probe`: the embeddings, and the strength of L2 for all members. */
async function prepareEmbeddings(
  deps: PrepareTrainingDeps,
  training: Training,
  { attempt, signal }: ClaimedBatch<Schema>,
  labelled: readonly LabelledPage[],
  drop: (page: DroppedPage) => void,
): Promise<Prepared> {
  const backbone = await deps.inference.currentBackbone(signal);
  const pageIds = labelled.map(({ pageId }) => pageId);
  const embeddings = await gatherEmbeddings(deps, pageIds, backbone, signal);
  const pages = labelled.filter(({ pageId }) => embeddings.has(pageId));
  for (const { pageId } of labelled) if (!embeddings.has(pageId)) drop({ pageId, reason: 'it has no embedding' });
  for (const { pageId } of pages) checkFinite(pageId, embeddings.get(pageId)!);
  const dataset = datasetOf(
    pages,
    backbone.dimensions,
    Buffer.concat(pages.map(({ pageId }) => embeddings.get(pageId)!)),
  );
  const parameters = training.parameters as unknown as ProbeParameters;
  const { l2, tried, tensorflowBackend } = await deps.compute.run(
    { kind: 'choose-l2', dataset, parameters },
    { signal },
  );
  const { key, sha256 } = await deps.objects.put(scratch.dataset(training.id, attempt), dataset);
  return {
    pageCount: pages.length,
    dataset: { key, sha256 },
    images: null,
    backbone: { name: backbone.name, sha256: backbone.sha256 },
    tensorflowBackend,
    l2,
    l2Tried: tried,
  };
}

/** Half floats whose exponent is all ones are infinite or no number. */
function checkFinite(pageId: number, halves: Uint8Array): void {
  for (let at = 1; at < halves.length; at += 2) {
    if ((halves[at]! & 0x7c) === 0x7c) throw invalidArgument(`the embedding of page ${pageId} is not finite`);
  }
}

/** For `finetune`: the pixels, decoded once for all members and epochs and never in memory at once. */
async function prepareImages(
  deps: PrepareTrainingDeps,
  training: Training,
  { attempt, signal }: ClaimedBatch<Schema>,
  labelled: readonly LabelledPage[],
  drop: (page: DroppedPage) => void,
): Promise<Prepared> {
  const parameters = training.parameters as unknown as FinetuneParameters;
  const { side } = parameters;
  const pageIds = await awaitImages(
    deps,
    labelled.map(({ pageId }) => pageId),
    drop,
    signal,
  );
  const bytes = 3 * side * side * pageIds.length;
  if (bytes > deps.imageDatasetBytesMax)
    throw invalidArgument(
      `${pageIds.length} pages at side ${side} are ${bytes} bytes of pixels; IMAGE_DATASET_BYTES_MAX allows ${deps.imageDatasetBytesMax}`,
      { field: 'parameters.side' },
    );
  const decoded = new Set<number>();
  async function* pixelsOf() {
    for await (const { pageId, pixels } of streamPixels(deps, pageIds, side, drop, signal)) {
      decoded.add(pageId);
      yield pixels;
    }
  }
  const images = await deps.objects.put(scratch.images(training.id, attempt), pixelsOf());
  const pages = labelled.filter(({ pageId }) => decoded.has(pageId));
  checkLabels(pages.map(({ label }) => label));
  const dataset = await deps.objects.put(scratch.dataset(training.id, attempt), datasetOf(pages, 0, new Uint8Array(0)));
  return {
    pageCount: pages.length,
    dataset: { key: dataset.key, sha256: dataset.sha256 },
    images: { key: images.key, sha256: images.sha256 },
    backbone: networkBackbone(parameters),
    tensorflowBackend: null,
    l2: null,
    l2Tried: [],
  };
}

const datasetOf = (pages: readonly LabelledPage[], dims: number, halves: Uint8Array) =>
  encodeDataset({
    dims,
    pageIds: Int32Array.from(pages, ({ pageId }) => pageId),
    itemIds: Int32Array.from(pages, ({ itemId }) => itemId),
    labels: pages.map(({ label }) => label),
    halves,
  });
