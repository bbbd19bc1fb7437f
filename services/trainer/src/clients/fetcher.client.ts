import { FetcherServiceDefinition, ImageSize, ImageState } from '@florilegium/contracts/fetcher';
import { createRpcClient, type RpcClientOptions } from '@florilegium/rpc';

export interface PageImage {
  pageId: number;
  sha256: string;
  content: Uint8Array;
}

/** `awaited`: it is still to come; `none`: there is none and, as far as is known, none will come. */
export type ImageKnowledge =
  | { pageId: number; kind: 'stored' | 'awaited' }
  | { pageId: number; kind: 'none'; why: string };

export interface FetcherClient {
  /** What is known of the image of each page. */
  imageStates(pageIds: readonly number[], signal: AbortSignal): Promise<ImageKnowledge[]>;
  /** Stored images in the order asked; pages without one are left out. */
  streamImages(pageIds: readonly number[], signal: AbortSignal): AsyncIterable<PageImage>;
  reportCorruptImage(image: { pageId: number; sha256: string; reason: string }): Promise<void>;
  close(): void;
}

/** What fetcher takes in one call. */
const pageIdsMax = 500;
/** The size that everything trains on and predicts from. */
const size = ImageSize.IMAGE_SIZE_MEDIUM;

export function fetcherClient(options: RpcClientOptions): FetcherClient {
  // An image comes whole in one message, and a source's `medium` may be larger than BHL's 20 KB.
  const { client, close } = createRpcClient(FetcherServiceDefinition, { messageBytesMax: 128 << 20, ...options });
  return {
    imageStates: async (pageIds, signal) => {
      const known: ImageKnowledge[] = [];
      for (let start = 0; start < pageIds.length; start += pageIdsMax) {
        const asked = pageIds.slice(start, start + pageIdsMax);
        const { images } = await client.getImageStates({ pageIds: asked, size }, { signal });
        for (const { pageId, state, detail } of images) {
          if (state === ImageState.IMAGE_STATE_STORED) known.push({ pageId, kind: 'stored' });
          else if (state === ImageState.IMAGE_STATE_PENDING || state === ImageState.IMAGE_STATE_RETRY_AT)
            known.push({ pageId, kind: 'awaited' });
          else known.push({ pageId, kind: 'none', why: `image ${wordOf(state)}${detail ? `: ${detail}` : ''}` });
        }
      }
      return known;
    },
    async *streamImages(pageIds, signal) {
      for (let start = 0; start < pageIds.length; start += pageIdsMax) {
        const asked = pageIds.slice(start, start + pageIdsMax);
        for await (const { info, content } of client.streamImages({ pageIds: asked, size }, { signal })) {
          if (info) yield { pageId: info.pageId, sha256: info.sha256, content };
        }
      }
    },
    reportCorruptImage: async (image) => {
      await client.reportCorruptImage({ ...image, size });
    },
    close,
  };
}

/** IMAGE_STATE_MISSING is `missing`. */
const wordOf = (state: string) => state.replace('IMAGE_STATE_', '').toLowerCase();
