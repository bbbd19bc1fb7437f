import { CatalogServiceDefinition } from '@florilegium/contracts/catalog';
import { createRpcClient, type RpcClientOptions } from '@florilegium/rpc';

export interface CatalogClient {
  /** ItemID by PageID; pages that are not known are absent. */
  itemsOf(pageIds: readonly number[], signal: AbortSignal): Promise<Map<number, number>>;
  close(): void;
}

/** What catalog takes in one call. */
const pageIdsMax = 500;

export function catalogClient(options: RpcClientOptions): CatalogClient {
  const { client, close } = createRpcClient(CatalogServiceDefinition, options);
  return {
    itemsOf: async (pageIds, signal) => {
      const items = new Map<number, number>();
      for (let start = 0; start < pageIds.length; start += pageIdsMax) {
        const selection = { $case: 'pageIds' as const, value: { pageIds: pageIds.slice(start, start + pageIdsMax) } };
        for await (const { pages } of client.streamPages({ selection }, { signal })) {
          for (const { pageId, itemId } of pages) items.set(pageId, itemId);
        }
      }
      return items;
    },
    close,
  };
}
