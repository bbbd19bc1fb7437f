import { CatalogServiceDefinition } from '@florilegium/contracts/catalog';
import { createRpcClient } from '@florilegium/rpc';

export interface CatalogPageSet {
  id: string;
  name: string;
  rule: string;
  seed: number;
  pageCount: number;
}

export interface CatalogClient {
  findPageSet(name: string): Promise<CatalogPageSet | undefined>;
  /** Pages of a set in ascending PageID, up to 500 at a time. */
  streamPageSet(pageSetId: string): AsyncIterable<{ pageId: number; itemId: number }[]>;
  /** Those of the given pages (at most 500) that catalog knows. */
  findPages(pageIds: readonly number[]): Promise<{ pageId: number; itemId: number }[]>;
  /** The seeded draw of pages that no rule keeps, in ascending PageID, up to 500 at a time. */
  streamReservoir(): AsyncIterable<{ pageId: number; itemId: number }[]>;
  /** Pages of the newest export that no rule keeps: what the reservoir was drawn from. */
  countOutside(): Promise<number>;
  close(): void;
}

export function createCatalogClient({ address, apiKey }: { address: string; apiKey?: string }): CatalogClient {
  const { client, close } = createRpcClient(CatalogServiceDefinition, { address, apiKey });
  return {
    findPageSet: async (name) => {
      const { pageSets } = await client.listPageSets({ name });
      const found = pageSets.find((pageSet) => pageSet.name === name);
      return (
        found && {
          id: found.id,
          name: found.name,
          rule: found.rule,
          seed: Number(found.seed),
          pageCount: found.pageCount,
        }
      );
    },
    async *streamPageSet(pageSetId) {
      for await (const { pages } of client.streamPages({ selection: { $case: 'pageSetId', value: pageSetId } }))
        yield pages.map(({ pageId, itemId }) => ({ pageId, itemId }));
    },
    findPages: async (pageIds) => {
      const found: { pageId: number; itemId: number }[] = [];
      const selection = { $case: 'pageIds' as const, value: { pageIds: [...pageIds] } };
      for await (const { pages } of client.streamPages({ selection }, { deadline: 15_000 }))
        found.push(...pages.map(({ pageId, itemId }) => ({ pageId, itemId })));
      return found;
    },
    async *streamReservoir() {
      for await (const { pages } of client.streamPages({ reservoir: true }))
        yield pages.map(({ pageId, itemId }) => ({ pageId, itemId }));
    },
    countOutside: async () => Number((await client.getReservoir({})).outsidePageCount),
    close,
  };
}
