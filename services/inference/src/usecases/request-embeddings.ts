import { v7 as uuidv7 } from 'uuid';
import type { FetcherClient } from '../clients/fetcher.client.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { RootStore } from '../store.ts';

export interface RequestEmbeddingsDeps {
  store: Pick<RootStore, 'embeddings' | 'inTransaction'>;
  fetcher: Pick<FetcherClient, 'getImageStates'>;
  backbone: RecordedBackbone;
}

export interface RequestedEmbeddings {
  /** Their images are stored: embedded already, or in work. */
  embeddable: number[];
  /** Their images are still on the way; the fetcher announces them. */
  awaited: number[];
  /** No image, or one that cannot be decoded. */
  unavailable: number[];
}

/** Puts to work, once, what of at most 500 pages is stored and not embedded as it is now. */
export async function requestEmbeddings(
  { store, fetcher, backbone }: RequestEmbeddingsDeps,
  pageIds: readonly number[],
): Promise<RequestedEmbeddings> {
  if (pageIds.length === 0) return { embeddable: [], awaited: [], unavailable: [] };
  const images = await fetcher.getImageStates(pageIds);
  const stored = images.flatMap((image) => (image.kind === 'stored' ? [image] : []));
  const idsOf = (kind: 'awaited' | 'none') => images.filter((image) => image.kind === kind).map(({ pageId }) => pageId);
  const storedIds = stored.map(({ pageId }) => pageId);
  if (stored.length > 0) {
    await store.inTransaction(async ({ embeddings, enqueue }) => {
      const batchId = uuidv7();
      const claimed = await embeddings.claimForBatch(backbone.id, batchId, stored);
      if (claimed.length === 0) return;
      await embeddings.insertBatch(batchId, backbone.id);
      await enqueue('embed', batchId, [{ number: 0 }]);
    });
  }
  const corrupt = new Set(
    (await store.embeddings.findEmbeddings(backbone.id, storedIds))
      .filter(({ state }) => state === 'corrupt')
      .map(({ pageId }) => pageId),
  );
  return {
    embeddable: storedIds.filter((pageId) => !corrupt.has(pageId)),
    awaited: idsOf('awaited'),
    unavailable: [...idsOf('none'), ...corrupt],
  };
}
