import { unavailable } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { EmbeddingShards } from '../clients/embedding-shards.client.ts';
import type { FetchedImage, FetcherClient } from '../clients/fetcher.client.ts';
import type { Embedder } from '../embedding/embedder.ts';
import type { EmbeddingRow } from '../embedding/shard.ts';
import { countEmbedded, observeEmbeddingBatch } from '../metrics.ts';
import type { EmbeddingsRepo } from '../repos/embeddings.repo.ts';
import type { TransactionStore } from '../store.ts';

export interface EmbedBatchDeps {
  embeddings: Pick<EmbeddingsRepo, 'findBatch' | 'findPendingOfBatch'>;
  fetcher: Pick<FetcherClient, 'streamImages' | 'reportCorruptImage'>;
  shards: Pick<EmbeddingShards, 'put'>;
  /** Undefined when this process has no weights to embed with. */
  embedder: Pick<Embedder, 'embed' | 'recipe' | 'inFlightMax'> | undefined;
  log: Log;
}

export interface EmbedBatchInput {
  batchId: string;
  signal: AbortSignal;
  /** Writes the results and ends the batch in one transaction. */
  complete(write: (store: TransactionStore) => Promise<void>): Promise<void>;
}

interface CorruptImage {
  pageId: number;
  sha256: string;
  reason: string;
}

/** Embeds the pages of one batch and stores them as one shard. An image that cannot be decoded is named and stops nothing. */
export async function embedBatch(deps: EmbedBatchDeps, { batchId, signal, complete }: EmbedBatchInput): Promise<void> {
  const { embeddings, fetcher, shards, embedder, log } = deps;
  const batch = await embeddings.findBatch(batchId);
  if (!batch) return complete(async () => {});
  if (embedder?.recipe.sha256 !== batch.backboneSha256)
    throw unavailable(
      `the batch is for backbone ${batch.backboneSha256}, this worker embeds with ${embedder?.recipe.sha256 ?? 'none'}`,
    );
  const startedAt = performance.now();
  const pending = await embeddings.findPendingOfBatch(batchId);
  const { rows, corrupt } = await embedImages(
    embedder,
    fetcher.streamImages(
      pending.map(({ pageId }) => pageId),
      signal,
    ),
    signal,
  );
  const seen = new Set([...rows, ...corrupt].map(({ pageId }) => pageId));
  const gone = pending.filter(({ pageId }) => !seen.has(pageId));

  const shard = rows.length > 0 ? await shards.put(embedder.recipe, rows) : undefined;
  // Told before the batch ends: a report that is lost would never be made again, one made twice is harmless.
  for (const image of corrupt) {
    log.warn({ pageId: image.pageId, sha256: image.sha256, reason: image.reason }, 'image cannot be decoded');
    await fetcher.reportCorruptImage(image);
  }
  await complete(async (store) => {
    if (shard) {
      const shardId = await store.embeddings.insertShard({
        backboneId: batch.backboneId,
        key: shard.key,
        rowCount: rows.length,
        bytes: shard.bytes,
      });
      await store.embeddings.placeInShard(batchId, shardId, rows);
    }
    await store.embeddings.markFailed(batchId, 'corrupt', corrupt);
    const reason = 'the fetcher has this image no more';
    await store.embeddings.markFailed(
      batchId,
      'gone',
      gone.map(({ pageId }) => ({ pageId, reason })),
    );
    await store.embeddings.deleteBatch(batchId);
  });
  const seconds = (performance.now() - startedAt) / 1000;
  countEmbedded({ embedded: rows.length, corrupt: corrupt.length, gone: gone.length });
  observeEmbeddingBatch(seconds);
  log.info(
    {
      batchId,
      embedded: rows.length,
      corrupt: corrupt.length,
      gone: gone.length,
      shard: shard?.key,
      seconds,
      pageIds: rows.map(({ pageId }) => pageId),
    },
    'batch embedded',
  );
}

async function embedImages(
  embedder: Pick<Embedder, 'embed' | 'inFlightMax'>,
  images: AsyncIterable<FetchedImage>,
  signal: AbortSignal,
): Promise<{ rows: EmbeddingRow[]; corrupt: CorruptImage[] }> {
  const rows: EmbeddingRow[] = [];
  const corrupt: CorruptImage[] = [];
  const inFlight = new Set<Promise<void>>();
  const faults: unknown[] = [];
  for await (const { pageId, sha256, content } of images) {
    const one = embedder
      .embed(content)
      .then((result) => {
        if (result.kind === 'embedded') rows.push({ pageId, imageSha256: sha256, values: result.values });
        else corrupt.push({ pageId, sha256, reason: result.reason });
      })
      .catch((error: unknown) => {
        faults.push(error);
      })
      .finally(() => inFlight.delete(one));
    inFlight.add(one);
    // The stream is not read on while enough images are in hand: at most these are in memory.
    if (inFlight.size >= embedder.inFlightMax) await Promise.race(inFlight);
    if (faults.length > 0) break;
    signal.throwIfAborted();
  }
  await Promise.all(inFlight);
  if (faults.length > 0) throw faults[0];
  rows.sort((a, b) => a.pageId - b.pageId);
  return { rows, corrupt };
}
