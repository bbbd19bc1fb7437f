import { FetcherServiceDefinition, ImageSize, ImageState } from '@florilegium/contracts/fetcher';
import { createRpcClient } from '@florilegium/rpc';
import type { ImageKnowledge } from '../domain/embedding.ts';

export interface FetchedImage {
  pageId: number;
  sha256: string;
  content: Uint8Array;
}

export interface FetcherClient {
  /** At most 500 pages; one answer for each. */
  getImageStates(pageIds: readonly number[]): Promise<ImageKnowledge[]>;
  /** Stored images of at most 500 pages, in the order asked; pages without one are left out. */
  streamImages(pageIds: readonly number[], signal: AbortSignal): AsyncIterable<FetchedImage>;
  reportCorruptImage(image: { pageId: number; sha256: string; reason: string }): Promise<void>;
  close(): void;
}

const size = ImageSize.IMAGE_SIZE_MEDIUM;

/** The fetcher's images at the one size that pages are embedded from. */
export function connectFetcher(address: string, apiKey: string | undefined): FetcherClient {
  const { client, close } = createRpcClient(FetcherServiceDefinition, {
    address,
    ...(apiKey && { apiKey }),
    messageBytesMax: 128 << 20,
  });
  return {
    getImageStates: async (pageIds) => {
      const { images } = await client.getImageStates({ pageIds: [...pageIds], size });
      return images.map(({ pageId, state, sha256 }): ImageKnowledge => {
        if (state === ImageState.IMAGE_STATE_STORED) return { pageId, kind: 'stored', sha256 };
        const awaited = state === ImageState.IMAGE_STATE_PENDING || state === ImageState.IMAGE_STATE_RETRY_AT;
        return { pageId, kind: awaited ? 'awaited' : 'none' };
      });
    },
    streamImages: async function* (pageIds, signal) {
      for await (const { info, content } of client.streamImages({ pageIds: [...pageIds], size }, { signal })) {
        if (info) yield { pageId: info.pageId, sha256: info.sha256, content };
      }
    },
    reportCorruptImage: async (image) => {
      await client.reportCorruptImage({ ...image, size });
    },
    close,
  };
}
