import { setTimeout as pause } from 'node:timers/promises';
import { failedPrecondition } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { EmbeddingBackbone, InferenceClient } from '../clients/inference.client.ts';

export interface GatherEmbeddingsDeps {
  inference: Pick<InferenceClient, 'streamEmbeddings' | 'countEmbedded'>;
  /** How long nothing may be embedded while embeddings are pending. */
  embeddingWaitMs: number;
  log: Log;
}

/**
 * Half floats of each page that has an embedding. Pending pages are asked for again until they come; pages that will never have one
 * are left out. Throws failed_precondition when no page at all was embedded for `embeddingWaitMs`, so the batch is tried again later.
 */
export async function gatherEmbeddings(
  { inference, embeddingWaitMs, log }: GatherEmbeddingsDeps,
  pageIds: readonly number[],
  backbone: EmbeddingBackbone,
  signal: AbortSignal,
): Promise<Map<number, Uint8Array>> {
  const embeddings = new Map<number, Uint8Array>();
  const bytes = 2 * backbone.dimensions;
  let waitingFor = [...pageIds];
  let lastProgressAt = Date.now();
  let embeddedBefore: number | undefined;
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
      // Pages that were stored before these come first: behind a hundred thousand of them they take hours, and rightly.
      const embedded = await inference.countEmbedded(signal);
      if (embeddedBefore !== undefined && embedded <= embeddedBefore)
        throw failedPrecondition(
          `the embeddings of ${waitingFor.length} labelled pages did not come within ${embeddingWaitMs / 1000} s`,
        );
      embeddedBefore = embedded;
      lastProgressAt = Date.now();
    }
    log.debug({ pendingCount: waitingFor.length }, 'waiting for embeddings');
    // Embedding runs at tens of pages a second: asking more often than this brings nothing sooner.
    await pause(Math.min(3000, 250 * 2 ** round), undefined, { signal });
  }
  return embeddings;
}
