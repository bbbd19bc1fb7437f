import { InferenceServiceDefinition } from '@florilegium/contracts/inference';
import { failedPrecondition, internal } from '@florilegium/errors';
import { createRpcClient, type RpcClientOptions } from '@florilegium/rpc';
import type { Backbone } from '../domain/training.ts';

export interface EmbeddingBackbone extends Backbone {
  dimensions: number;
}

export interface EmbeddingMessage {
  pageIds: number[];
  /** Half floats, `dimensions` a page, in the order of pageIds. */
  halves: Uint8Array;
  pendingPageIds: number[];
  unavailablePageIds: number[];
}

export interface InferenceClient {
  currentBackbone(signal: AbortSignal): Promise<EmbeddingBackbone>;
  /** How many pages are embedded by it. */
  countEmbedded(signal: AbortSignal): Promise<number>;
  /** Throws failed_precondition when the embeddings are of another backbone than asked for. */
  streamEmbeddings(
    pageIds: readonly number[],
    backbone: EmbeddingBackbone,
    signal: AbortSignal,
  ): AsyncIterable<EmbeddingMessage>;
  close(): void;
}

export function inferenceClient(options: RpcClientOptions): InferenceClient {
  const { client, close } = createRpcClient(InferenceServiceDefinition, options);
  return {
    currentBackbone: async (signal) => {
      const { backbone } = await client.getBackbone({}, { signal });
      if (!backbone || backbone.dimensions <= 0) throw internal('inference names no backbone');
      return { name: backbone.name, sha256: backbone.sha256, dimensions: backbone.dimensions };
    },
    countEmbedded: async (signal) => (await client.getBackbone({}, { signal })).embeddedCount,
    async *streamEmbeddings(pageIds, backbone, signal) {
      const request = { pageIds: [...pageIds], backboneSha256: backbone.sha256 };
      for await (const message of client.streamEmbeddings(request, { signal })) {
        if (message.pageIds.length > 0) {
          if (message.backboneSha256 !== backbone.sha256) {
            throw failedPrecondition(`inference sent embeddings of ${message.backboneName}, not of ${backbone.name}`);
          }
          const bytes = 2 * message.pageIds.length * backbone.dimensions;
          if (message.dimensions !== backbone.dimensions || message.values.length !== bytes) {
            throw internal(`inference sent ${message.values.length} bytes of embeddings, not ${bytes}`);
          }
        }
        yield {
          pageIds: message.pageIds,
          halves: message.values,
          pendingPageIds: message.pendingPageIds,
          unavailablePageIds: message.unavailablePageIds,
        };
      }
    },
    close,
  };
}
