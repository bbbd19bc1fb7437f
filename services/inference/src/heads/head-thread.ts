// Runs in a worker thread: reads rows of shards, checks and multiplies them. For a batch that is up to a second of the processor.
import { workerData } from 'node:worker_threads';
import type { Ensemble } from '@florilegium/ensemble';
import { predictHalfRows } from '@florilegium/ensemble/half-rows';
import { openObjectStore } from '@florilegium/object-store';
import { type EmbeddingShards, embeddingShards } from '../clients/embedding-shards.client.ts';
import type { ShardPart } from '../domain/embedding.ts';
import { answerRequests } from '../threads/answer-requests.ts';

export interface HeadThreadSetup {
  objectStoreUrl: string;
}
export interface HeadRequest {
  /** The same name is the same ensemble. */
  ensembleName: string;
  ensemble: Ensemble;
  parts: readonly ShardPart[];
}

const { objectStoreUrl } = workerData as HeadThreadSetup;
let opened: Promise<EmbeddingShards> | undefined;

/** A store that cannot be opened now is tried again by the next request. */
function openShards(): Promise<EmbeddingShards> {
  opened ??= openObjectStore(objectStoreUrl)
    .then(embeddingShards)
    .catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
  return opened;
}

/** The last one stays, with what was made ready for it: a run has many batches. */
let last: { name: string; ensemble: Ensemble } | undefined;

answerRequests(async ({ ensembleName, ensemble: given, parts }: HeadRequest) => {
  if (last?.name !== ensembleName) last = { name: ensembleName, ensemble: given };
  const { ensemble } = last;
  const shards = await openShards();
  const rowCount = parts.reduce((sum, { rows }) => sum + rows.length, 0);
  const probabilities = new Float32Array(rowCount * ensemble.members.length);
  let at = 0;
  // A Buffer comes out of a message as plain bytes.
  const received = parts.map((part) => ({ ...part, imageSha256s: bufferOver(part.imageSha256s) }));
  for await (const span of shards.readSpans(received)) {
    const some = predictHalfRows(ensemble, span);
    probabilities.set(some, at);
    at += some.length;
  }
  return { answer: probabilities, handOver: [probabilities.buffer] };
});

const bufferOver = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength);
