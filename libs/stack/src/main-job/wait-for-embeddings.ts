import { setTimeout as sleep } from 'node:timers/promises';
import type { StepProgress } from './progress.ts';
import type { RestClient } from './rest-client.ts';
import { watchForStall } from './stall-watch.ts';

export interface EmbeddingCounts {
  embedded: number;
  pending: number;
  failed: number;
}

export interface WaitForEmbeddingsOptions {
  rest: Pick<RestClient, 'get'>;
  /** Stored images: as many embeddings are expected. */
  images: number;
  progress: StepProgress;
  signal: AbortSignal;
  intervalMs?: number;
  /** Events of stored images arrive within this. */
  settleMs?: number;
  stallMs?: number;
}

/**
 * Embedding begins while images still arrive; here we wait for the rest of it. Where a batch gave up, its pages are neither embedded nor pending
 * nor failed, and nobody embeds them before a prediction asks for them: nothing pending for some seconds is the end, too.
 */
export async function waitForEmbeddings({
  rest,
  images,
  progress,
  signal,
  intervalMs = 250,
  settleMs = 15_000,
  stallMs,
}: WaitForEmbeddingsOptions): Promise<EmbeddingCounts> {
  const see = watchForStall('embedding', stallMs);
  for (;;) {
    const counts = await rest.get<EmbeddingCounts>('/v1/predictions/embeddings');
    const { stillForMs } = see(counts);
    const ended = counts.embedded + counts.failed;
    progress.update(ended, images);
    if (counts.pending === 0 && (ended >= images || stillForMs > settleMs)) return counts;
    await sleep(intervalMs, undefined, { signal });
  }
}
