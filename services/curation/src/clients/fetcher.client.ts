import { FetcherServiceDefinition, ImageSize, ImageState } from '@florilegium/contracts/fetcher';
import { RunState } from '@florilegium/contracts/run';
import { createRpcClient } from '@florilegium/rpc';

export interface FetcherClient {
  /** Those of the given pages (at most 500) whose medium image is stored: only they can be shown to a person. */
  findPagesWithImage(pageIds: readonly number[]): Promise<Set<number>>;
  /** What is known of the medium images of the given pages (at most 500). */
  findImages(pageIds: readonly number[]): Promise<PageImage[]>;
  /** Has the medium images of at most 500 pages fetched; the same key answers with the same run. @returns whether it has ended */
  fetchImages(pageIds: readonly number[], idempotencyKey: string): Promise<{ ended: boolean }>;
  close(): void;
}

export interface PageImage {
  pageId: number;
  /** `coming` may be stored yet; `unavailable` was looked for, and there is none that can be used. */
  state: 'stored' | 'coming' | 'unavailable';
  /** Pixels; 0 unless stored. */
  width: number;
  height: number;
}

const unavailable: readonly ImageState[] = [
  ImageState.IMAGE_STATE_MISSING,
  ImageState.IMAGE_STATE_PLACEHOLDER,
  ImageState.IMAGE_STATE_CORRUPT,
  ImageState.IMAGE_STATE_BLOCKED,
];

export function createFetcherClient({ address, apiKey }: { address: string; apiKey?: string }): FetcherClient {
  const { client, close } = createRpcClient(FetcherServiceDefinition, { address, apiKey });
  return {
    findPagesWithImage: async (pageIds) => {
      const { images } = await client.getImageStates({ pageIds: [...pageIds], size: ImageSize.IMAGE_SIZE_MEDIUM });
      return new Set(images.filter(({ state }) => state === ImageState.IMAGE_STATE_STORED).map(({ pageId }) => pageId));
    },
    findImages: async (pageIds) => {
      const { images } = await client.getImageStates({ pageIds: [...pageIds], size: ImageSize.IMAGE_SIZE_MEDIUM });
      return images.map(({ pageId, state, width, height }) => ({
        pageId,
        state:
          state === ImageState.IMAGE_STATE_STORED ? 'stored' : unavailable.includes(state) ? 'unavailable' : 'coming',
        width,
        height,
      }));
    },
    fetchImages: async (pageIds, idempotencyKey) => {
      const { fetchRun } = await client.startFetchRun({
        selection: { $case: 'pageIds', value: { pageIds: [...pageIds] } },
        size: ImageSize.IMAGE_SIZE_MEDIUM,
        idempotencyKey,
      });
      const state = fetchRun?.run?.state;
      return { ended: state !== RunState.RUN_STATE_PENDING && state !== RunState.RUN_STATE_RUNNING };
    },
    close,
  };
}
