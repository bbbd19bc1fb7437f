import type { ImagePage } from '@florilegium/bhl';
import { cancelled } from '@florilegium/errors';
import type { ClaimedBatch } from '@florilegium/work';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { type FetchRun, pageIdsMax } from '../domain/fetch-run.ts';
import type { ListingProgress } from '../repos/fetch-runs.repo.ts';
import type { Schema } from '../schema.ts';
import type { RootStore } from '../store.ts';
import { endFetchRun } from './end-fetch-run.ts';

export interface ListRunPagesDeps {
  store: RootStore;
  catalog: Pick<CatalogClient, 'streamPages'>;
  pagesPerBatch: number;
}

// Pages that are written in one transaction: a few batches, so that fetching begins while the listing goes on.
const pagesPerStep = 500;

/**
 * Streams the pages of a run's selection from the catalog into rows and batches, a step at a time. How far it came is in the run's row, written
 * with the pages, so that whoever takes over a dead worker's listing goes on where it ended.
 */
export async function listRunPages(deps: ListRunPagesDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const { store } = deps;
  const { runId, signal } = batch;
  const begun = await store.fetchRuns.beginListing(runId);
  const run = begun && (await store.fetchRuns.findRun(runId));
  if (!begun || !run) {
    await batch.complete();
    return;
  }
  // Streamed ids were cut to their part when they had come.
  const startIndex = run.selection.kind === 'id-list' ? 0 : run.startIndex;
  let at = begun;
  let step: ImagePage[] = [];
  let seen = at;
  const write = async () => {
    await writeStep(deps, runId, at, seen, step);
    at = seen;
    step = [];
  };
  const isFull = () => run.maxCount > 0 && seen.listedCount >= run.maxCount;
  for await (const pages of streamSelected(deps, run, at.afterPageId, signal)) {
    for (const page of pages) {
      if (isFull()) break;
      const isSkipped = seen.skippedCount < startIndex;
      seen = {
        afterPageId: page.pageId,
        skippedCount: seen.skippedCount + (isSkipped ? 1 : 0),
        listedCount: seen.listedCount + (isSkipped ? 0 : 1),
      };
      if (!isSkipped) step.push(page);
      if (step.length === pagesPerStep) await write();
    }
    if (isFull()) break;
  }
  if (seen !== at) await write();
  await endListing(store, run, batch);
}

/** Streamed ids are asked for in parts, each as large as a request may be. */
async function* streamSelected(
  { store, catalog }: ListRunPagesDeps,
  run: FetchRun,
  afterPageId: number,
  signal: AbortSignal,
): AsyncGenerator<ImagePage[]> {
  if (run.selection.kind !== 'id-list') {
    yield* catalog.streamPages(run.selection, afterPageId, signal);
    return;
  }
  for (let after = afterPageId; ; ) {
    const pageIds = await store.fetchIds.readIds(run.id, after, pageIdsMax);
    if (pageIds.length === 0) return;
    yield* catalog.streamPages({ kind: 'page-ids', pageIds }, after, signal);
    after = pageIds.at(-1)!;
  }
}

async function writeStep(
  { store, pagesPerBatch }: ListRunPagesDeps,
  runId: string,
  from: ListingProgress,
  to: ListingProgress,
  pages: readonly ImagePage[],
): Promise<void> {
  await store.inTransaction(async ({ fetchRuns, fetchPages, enqueue }) => {
    if (!(await fetchRuns.advanceListing(runId, from, to)))
      throw cancelled('the run ended or its listing was taken over');
    const batchCount = Math.ceil(pages.length / pagesPerBatch);
    const first = await fetchRuns.takeBatchNumbers(runId, batchCount);
    const listed = pages.map((page, i) => ({ ...page, batchNumber: first + Math.floor(i / pagesPerBatch) }));
    await fetchPages.addPages(runId, listed);
    await enqueue(
      'fetch',
      runId,
      Array.from({ length: batchCount }, (_, i) => ({ number: first + i })),
    );
  });
}

async function endListing(store: RootStore, run: FetchRun, batch: ClaimedBatch<Schema>): Promise<void> {
  await batch.complete(async (tx, { isLast }) => {
    const bound = store.on(tx);
    const { selection } = run;
    const unknownCount =
      selection.kind === 'page-ids'
        ? await bound.fetchPages.addUnknownPages(run.id, selection.pageIds)
        : selection.kind === 'id-list'
          ? await bound.fetchPages.addUnknownIds(run.id)
          : 0;
    await bound.fetchRuns.endListing(run.id, unknownCount);
    if (isLast) await endFetchRun(bound, run.id);
  });
}
