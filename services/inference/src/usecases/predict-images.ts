import { decodePixels } from '@florilegium/ensemble/pixels';
import { internal, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { EnsembleArtifacts } from '../clients/ensemble-artifacts.client.ts';
import type { FetchedImage, FetcherClient } from '../clients/fetcher.client.ts';
import type { RecordedEnsemble } from '../domain/ensemble.ts';
import { joinPredicted, type PredictedPages } from '../domain/prediction.ts';
import type { NetworkRunner } from '../networks/network-runner.ts';

export interface PredictImagesDeps {
  fetcher: Pick<FetcherClient, 'streamImages' | 'reportCorruptImage'>;
  networks: Pick<NetworkRunner, 'predict'>;
  artifacts: Pick<EnsembleArtifacts, 'readManifest'>;
  log: Log;
}

/** Pages a forward pass: what `predictNetwork` takes at once. */
const batchMax = 32;
/** Pages of one stream: it stays open while they are predicted, and a network may take a second for one. */
const streamPagesMax = 64;
/** Images decoded at once while the pass before runs. */
const decodesMax = 4;

/**
 * Predictions of the pages that have an image, by networks. Decoding goes on while a batch is predicted; at most two batches of pixels are in
 * memory. An image that cannot be decoded is named, reported to the fetcher, and stops nothing.
 */
export async function predictImages(
  deps: PredictImagesDeps,
  ensemble: RecordedEnsemble,
  pageIds: readonly number[],
  signal: AbortSignal,
): Promise<PredictedPages> {
  const manifest = await deps.artifacts.readManifest(ensemble.manifestKey, ensemble.manifestSha256);
  if (manifest.method !== 'finetune') throw internal(`${ensemble.manifestKey} is not an ensemble of networks`);
  const { side } = manifest.input;
  const predicted: { pageIds: Int32Array; members: Float32Array }[] = [];
  let batch: { pageId: number; pixels: Uint8Array }[] = [];
  let running: Promise<void> = Promise.resolve();
  const flush = async () => {
    await running;
    const pages = batch;
    batch = [];
    if (pages.length === 0) return;
    running = predictPages(deps, ensemble, side, pages).then((part) => void predicted.push(part));
    // Its failure is thrown when it is waited for.
    running.catch(() => {});
  };
  for await (const page of decodedPages(deps, pageIds, side, signal)) {
    signal.throwIfAborted();
    batch.push(page);
    if (batch.length >= batchMax) await flush();
  }
  await flush();
  await running;
  return joinPredicted(ensemble.memberCount, predicted);
}

async function predictPages(
  { networks }: PredictImagesDeps,
  { manifestKey, manifestSha256, memberCount }: RecordedEnsemble,
  side: number,
  pages: readonly { pageId: number; pixels: Uint8Array }[],
): Promise<{ pageIds: Int32Array; members: Float32Array }> {
  const pixels = new Uint8Array(pages.length * 3 * side * side);
  for (const [at, page] of pages.entries()) pixels.set(page.pixels, at * 3 * side * side);
  const probabilities = await networks.predict({ manifestKey, manifestSha256, side, pixels });
  if (probabilities.length !== pages.length * memberCount)
    throw internal(`${probabilities.length} probabilities for ${pages.length} pages and ${memberCount} members`);
  return { pageIds: Int32Array.from(pages, ({ pageId }) => pageId), members: probabilities };
}

/** The pages whose image is stored and whole, in the order asked. */
async function* decodedPages(
  { fetcher, log }: PredictImagesDeps,
  pageIds: readonly number[],
  side: number,
  signal: AbortSignal,
): AsyncGenerator<{ pageId: number; pixels: Uint8Array }> {
  const decoding: { image: FetchedImage; pixels: Promise<Uint8Array> }[] = [];
  const next = async () => {
    const { image, pixels } = decoding.shift()!;
    try {
      return { pageId: image.pageId, pixels: await pixels };
    } catch (error) {
      const { pageId, sha256 } = image;
      log.warn({ pageId, sha256, reason: messageOf(error) }, 'image cannot be decoded');
      await fetcher.reportCorruptImage({ pageId, sha256, reason: messageOf(error) });
      return undefined;
    }
  };
  for (let from = 0; from < pageIds.length; from += streamPagesMax) {
    for await (const image of fetcher.streamImages(pageIds.slice(from, from + streamPagesMax), signal)) {
      const pixels = decodePixels(image.content, side);
      // Its failure is dealt with when its turn comes.
      pixels.catch(() => {});
      decoding.push({ image, pixels });
      const page = decoding.length >= decodesMax ? await next() : undefined;
      if (page) yield page;
    }
  }
  while (decoding.length > 0) {
    const page = await next();
    if (page) yield page;
  }
}
