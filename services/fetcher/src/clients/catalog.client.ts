import type { ImagePage } from '@florilegium/bhl';
import { CatalogServiceDefinition, type StreamPagesRequest } from '@florilegium/contracts/catalog';
import { createRpcClient } from '@florilegium/rpc';
import type { PageSelection } from '../domain/fetch-run.ts';

export interface CatalogClient {
  /** Throws not_found when there is no such page set. */
  checkPageSet(pageSetId: string): Promise<void>;
  /** Pages of a selection, which is none of streamed ids, in ascending PageID after `afterPageId`, some hundred at a time. */
  streamPages(selection: PageSelection, afterPageId: number, signal: AbortSignal): AsyncIterable<ImagePage[]>;
  close(): void;
}

export function connectCatalog(address: string, apiKey: string | undefined): CatalogClient {
  const { client, close } = createRpcClient(CatalogServiceDefinition, {
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  return {
    checkPageSet: async (pageSetId) => {
      await client.getPageSet({ pageSetId });
    },
    streamPages: async function* (selection, afterPageId, signal) {
      const request = { selection: selectionOf(selection), afterPageId };
      for await (const { pages } of client.streamPages(request, { signal })) {
        yield pages.map(({ pageId, barCode, sequence }) => ({ pageId, barCode, sequence }));
      }
    },
    close,
  };
}

function selectionOf(selection: PageSelection): StreamPagesRequest['selection'] {
  switch (selection.kind) {
    case 'page-set':
      return { $case: 'pageSetId', value: selection.pageSetId };
    case 'rule':
      return { $case: 'rule', value: selection.rule };
    case 'page-ids':
      return { $case: 'pageIds', value: { pageIds: selection.pageIds } };
    case 'id-list':
      throw new Error('streamed ids are asked for in parts');
  }
}
