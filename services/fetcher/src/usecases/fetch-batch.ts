import type { ImageFetchOutcome, ImagePage, ImageSize, Passage } from '@florilegium/bhl';
import type { Log } from '@florilegium/log';
import type { ClaimedBatch } from '@florilegium/work';
import type { ImageFiles } from '../clients/image-files.client.ts';
import { contractSizeOf } from '../contract-values.ts';
import type { FetchRun } from '../domain/fetch-run.ts';
import type { StoredImage } from '../domain/image.ts';
import { movePage, type RetryLimits } from '../domain/page-state.ts';
import type { OpenPage } from '../repos/fetch-pages.repo.ts';
import type { Schema } from '../schema.ts';
import type { RootStore, WorkKind } from '../store.ts';
import { endFetchRun } from './end-fetch-run.ts';
import { type KeptMove, keepPageMoves } from './keep-page-moves.ts';

export interface FetchBatchDeps {
  store: RootStore;
  log: Log;
  files: Pick<ImageFiles, 'writeImage' | 'hasImage'>;
  fetchImage(page: ImagePage, size: ImageSize, signal: AbortSignal): Promise<ImageFetchOutcome>;
  /** Waits until the run's own limit lets a page through. */
  enterRun(run: FetchRun, signal: AbortSignal): Promise<Passage>;
  /** Why an image cannot be decoded; undefined where images are not decoded. */
  findDecodeFault: ((bytes: Buffer) => Promise<string | undefined>) | undefined;
  pagesInFlightMax: number;
  retryLimits: RetryLimits;
  countPage(state: string): void;
}

// A page due so soon is not worth another batch.
const nearlyDueMs = 500;

/**
 * Fetches the open pages of one batch. What happens to each page is written as it happens; the batch's end announces the stored images and
 * plans another batch, for later, with the pages that have to come back.
 */
export async function fetchBatch(deps: FetchBatchDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const { store } = deps;
  const run = await store.fetchRuns.findRun(batch.runId);
  if (run?.state !== 'running') {
    await batch.complete();
    return;
  }
  const pages = await store.fetchPages.openPagesOf(run.id, batch.number, run.size);
  const due = pages.filter((page) => page.dueInMs <= nearlyDueMs);
  const keeper = keepPageMoves(deps, run.id, run.size);
  const blocked: KeptMove[] = [];
  await inLanes(due, deps.pagesInFlightMax, batch.signal, async (page, signal) => {
    const { move, durable } = await fetchPage(deps, run, page, signal);
    // The lane goes on with the next page: the disk flushes many images at the price of one.
    keeper.add(move, durable);
    if (move.state === 'blocked') blocked.push(move);
  }).finally(() => keeper.flush());
  // A line a batch: a host that refuses us does so for every page.
  if (blocked[0]) {
    const { pageId, detail } = blocked[0];
    deps.log.warn({ runId: run.id, batch: batch.number, pages: blocked.length, pageId, detail }, 'pages blocked');
  }
  const pageIds = await endBatch(store, run, batch);
  deps.log.info(
    { runId: run.id, batch: batch.number, size: run.size, stored: pageIds.length, pageIds },
    'images stored',
  );
}

interface FetchedPage {
  move: KeptMove;
  /** Until when the move must not be written, where a file was. */
  durable?: Promise<void>;
}

async function fetchPage(
  deps: FetchBatchDeps,
  run: FetchRun,
  page: OpenPage,
  signal: AbortSignal,
): Promise<FetchedPage> {
  const moveOf = (outcome: Parameters<typeof movePage>[1], image?: KeptMove['image']): KeptMove => ({
    ...movePage(page, outcome, deps.retryLimits, Math.random()),
    pageId: page.pageId,
    image,
  });
  const move = (outcome: Parameters<typeof movePage>[1]): FetchedPage => ({ move: moveOf(outcome) });
  // The table says that it is stored; a file that is gone or cut is fetched again.
  if (page.stored && (await deps.files.hasImage(page.stored))) return move({ kind: 'fetched' });
  const passage = run.concurrency > 0 ? await deps.enterRun(run, signal) : undefined;
  if (passage?.kind === 'later')
    return move({
      kind: 'retry-later',
      reason: "the run's own limit",
      throttled: true,
      retryAfterMs: passage.retryAfterMs,
    });
  const outcome = await deps.fetchImage(page, run.size, signal).finally(() => passage?.leave());
  if (outcome.kind !== 'fetched') return move(outcome);
  if (outcome.sha256 === page.rejectedSha256)
    return move({ kind: 'corrupt', reason: 'the same bytes came that could not be decoded before' });
  // No decoder of JPEG 2000 is at hand; its boxes have been walked.
  const fault = outcome.format === 'jp2' ? undefined : await deps.findDecodeFault?.(outcome.bytes);
  if (fault !== undefined) return move({ kind: 'corrupt', reason: `${outcome.source}: cannot be decoded: ${fault}` });
  const { durable } = await deps.files.writeImage(outcome);
  const image: StoredImage = {
    pageId: page.pageId,
    size: run.size,
    sha256: outcome.sha256,
    format: outcome.format,
    width: outcome.width,
    height: outcome.height,
    bytes: outcome.bytes.length,
    source: outcome.source,
    fetchedAt: new Date(),
  };
  outcome.release();
  return { move: moveOf(outcome, image), durable };
}

/** Gives the pages of the batch whose image is stored. */
async function endBatch(store: RootStore, run: FetchRun, batch: ClaimedBatch<Schema>): Promise<number[]> {
  return await batch.complete(async (tx, { isLast }) => {
    const bound = store.on(tx);
    const pageIds = await bound.fetchPages.storedPageIdsOf(run.id, batch.number);
    if (pageIds.length > 0) {
      await bound.announce('fetcher.image_batch.stored', {
        fetchRunId: run.id,
        batchNumber: batch.number,
        size: contractSizeOf(run.size),
        pageIds,
      });
    }
    const waiting = await bound.fetchPages.waitingOf(run.id, batch.number);
    if (waiting.count > 0) {
      const number = await bound.fetchRuns.takeBatchNumbers(run.id, 1);
      await bound.fetchPages.moveWaitingTo(run.id, batch.number, number);
      await bound.enqueue(batch.kind as WorkKind, run.id, [
        { number, notBefore: new Date(Date.now() + waiting.dueInMs) },
      ]);
    } else if (isLast) await endFetchRun(bound, run.id);
    return pageIds;
  });
}

/** Does `work` for each item, `lanes` at once. The first failure stops the others and is thrown when they have ended. */
async function inLanes<Item>(
  items: readonly Item[],
  lanes: number,
  outerSignal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outerSignal, stop.signal]);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      signal.throwIfAborted();
      await work(items[next++]!, signal);
    }
  };
  const ends = await Promise.allSettled(
    Array.from({ length: Math.min(lanes, items.length) }, () =>
      lane().catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    ),
  );
  outerSignal.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}
