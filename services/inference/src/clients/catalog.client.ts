import { CatalogServiceDefinition } from '@florilegium/contracts/catalog';
import { createRpcClient } from '@florilegium/rpc';
import type { PageSelection } from '../domain/prediction-run.ts';

export interface CatalogClient {
  /** Throws not_found when there is no such page set. */
  checkPageSet(pageSetId: string): Promise<void>;
  /** PageIDs of a selection, ascending, some hundred at a time. */
  streamPageIds(selection: PageSelection, signal: AbortSignal): AsyncIterable<number[]>;
  close(): void;
}

export function connectCatalog(address: string, apiKey: string | undefined): CatalogClient {
  const { client, close } = createRpcClient(CatalogServiceDefinition, { address, ...(apiKey && { apiKey }) });
  return {
    checkPageSet: async (pageSetId) => {
      await client.getPageSet({ pageSetId });
    },
    streamPageIds: async function* (selection, signal) {
      const selected =
        selection.kind === 'rule'
          ? { $case: 'rule' as const, value: selection.rule }
          : { $case: 'pageSetId' as const, value: selection.pageSetId };
      for await (const { pages } of client.streamPages({ selection: selected }, { signal }))
        yield pages.map(({ pageId }) => pageId);
    },
    close,
  };
}
