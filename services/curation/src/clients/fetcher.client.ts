import { FetcherServiceDefinition, ImageSize, ImageState } from '@florilegium/contracts/fetcher';
import { createRpcClient } from '@florilegium/rpc';

export interface FetcherClient {
  /** Those of the given pages (at most 500) whose medium image is stored: only they can be shown to a person. */
  findPagesWithImage(pageIds: readonly number[]): Promise<Set<number>>;
  close(): void;
}

export function createFetcherClient({ address, apiKey }: { address: string; apiKey?: string }): FetcherClient {
  const { client, close } = createRpcClient(FetcherServiceDefinition, { address, apiKey });
  return {
    findPagesWithImage: async (pageIds) => {
      const { images } = await client.getImageStates({ pageIds: [...pageIds], size: ImageSize.IMAGE_SIZE_MEDIUM });
      return new Set(images.filter(({ state }) => state === ImageState.IMAGE_STATE_STORED).map(({ pageId }) => pageId));
    },
    close,
  };
}
