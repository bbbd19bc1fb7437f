import { FetcherServiceDefinition, ImageSize, ImageState } from '@florilegium/contracts/fetcher';
import { RunState } from '@florilegium/contracts/run';
import { createRpcClient } from '@florilegium/rpc';

export interface FetcherClient {
  /** Those of the given pages (at most 500) whose medium image is stored: only they can be shown to a person. */
  findPagesWithImage(pageIds: readonly number[]): Promise<Set<number>>;
  /** Has the medium images of at most 500 pages fetched; the same key answers with the same run. @returns whether it has ended */
  fetchImages(pageIds: readonly number[], idempotencyKey: string): Promise<{ ended: boolean }>;
  close(): void;
}

export function createFetcherClient({ address, apiKey }: { address: string; apiKey?: string }): FetcherClient {
  const { client, close } = createRpcClient(FetcherServiceDefinition, { address, apiKey });
  return {
    findPagesWithImage: async (pageIds) => {
      const { images } = await client.getImageStates({ pageIds: [...pageIds], size: ImageSize.IMAGE_SIZE_MEDIUM });
      return new Set(images.filter(({ state }) => state === ImageState.IMAGE_STATE_STORED).map(({ pageId }) => pageId));
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
