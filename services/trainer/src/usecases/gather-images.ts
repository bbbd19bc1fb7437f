import { setTimeout as pause } from 'node:timers/promises';
import { decodePixels } from '@florilegium/ensemble/pixels';
import { failedPrecondition, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { FetcherClient, PageImage } from '../clients/fetcher.client.ts';
import type { DroppedPage } from '../domain/training.ts';

export interface GatherImagesDeps {
  fetcher: Pick<FetcherClient, 'imageStates' | 'streamImages' | 'reportCorruptImage'>;
  /** How long nothing may come while images are awaited. */
  embeddingWaitMs: number;
  log: Log;
}

/** Images decoded at once: libvips uses one thread each, and more gain nothing (122 pages/s on two cores). */
const decodesMax = 4;

/** Pages whose image is stored, in the order given, once all that are to come are there; the others are told to `drop`. */
export async function awaitImages(
  { fetcher, embeddingWaitMs, log }: GatherImagesDeps,
  pageIds: readonly number[],
  drop: (page: DroppedPage) => void,
  signal: AbortSignal,
): Promise<number[]> {
  const stored = new Set<number>();
  let waitingFor = [...pageIds];
  let lastProgressAt = Date.now();
  for (let round = 0; ; round++) {
    const awaited: number[] = [];
    for (const image of await fetcher.imageStates(waitingFor, signal)) {
      if (image.kind === 'none') drop({ pageId: image.pageId, reason: image.why });
      else if (image.kind === 'stored') stored.add(image.pageId);
      else awaited.push(image.pageId);
    }
    if (awaited.length < waitingFor.length) lastProgressAt = Date.now();
    waitingFor = awaited;
    if (waitingFor.length === 0) break;
    if (Date.now() - lastProgressAt >= embeddingWaitMs)
      throw failedPrecondition(
        `the images of ${waitingFor.length} labelled pages did not come within ${embeddingWaitMs / 1000} s`,
      );
    log.debug({ awaitedCount: waitingFor.length }, 'waiting for images');
    await pause(Math.min(3000, 250 * 2 ** round), undefined, { signal });
  }
  return pageIds.filter((pageId) => stored.has(pageId));
}

/**
 * Pixels of the pages, in the order given. An image that cannot be decoded is reported to the fetcher, named to `drop` and left out, and so is one that
 * is not there any more.
 */
export async function* streamPixels(
  { fetcher, log }: GatherImagesDeps,
  pageIds: readonly number[],
  side: number,
  drop: (page: DroppedPage) => void,
  signal: AbortSignal,
): AsyncGenerator<{ pageId: number; pixels: Uint8Array }> {
  const left = new Set(pageIds);
  const decoding: { image: PageImage; pixels: Promise<Uint8Array> }[] = [];
  const next = async () => {
    const { image, pixels } = decoding.shift()!;
    const { pageId, sha256 } = image;
    left.delete(pageId);
    try {
      return { pageId, pixels: await pixels };
    } catch (error) {
      const reason = `image cannot be decoded: ${messageOf(error)}`;
      log.warn({ pageId, sha256, reason }, 'labelled page left out');
      await fetcher.reportCorruptImage({ pageId, sha256, reason });
      drop({ pageId, reason });
      return undefined;
    }
  };
  for await (const image of fetcher.streamImages(pageIds, signal)) {
    signal.throwIfAborted();
    const pixels = decodePixels(image.content, side);
    // Its failure is dealt with when its turn comes.
    pixels.catch(() => {});
    decoding.push({ image, pixels });
    if (decoding.length < decodesMax) continue;
    const page = await next();
    if (page) yield page;
  }
  while (decoding.length > 0) {
    const page = await next();
    if (page) yield page;
  }
  for (const pageId of left) drop({ pageId, reason: 'the fetcher has this image no more' });
}
