import { ImageSize } from '@florilegium/contracts/fetcher';
import type { ImageBatchStored } from '@florilegium/contracts/fetcher/events';
import { type RequestEmbeddingsDeps, requestEmbeddings } from '../usecases/request-embeddings.ts';

/** Pages are embedded from `medium` images only. */
export const onImageBatchStored =
  (deps: RequestEmbeddingsDeps) =>
  async ({ size, pageIds }: ImageBatchStored): Promise<void> => {
    if (size === ImageSize.IMAGE_SIZE_MEDIUM) await requestEmbeddings(deps, pageIds);
  };
