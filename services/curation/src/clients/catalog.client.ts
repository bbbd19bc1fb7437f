import { CatalogServiceDefinition, type Page } from '@florilegium/contracts/catalog';
import { createRpcClient } from '@florilegium/rpc';

export interface CatalogPageSet {
  id: string;
  name: string;
  rule: string;
  seed: number;
  pageCount: number;
}

/** What catalog tells of a page; texts are empty where it does not know. */
export interface CatalogStory {
  pageId: number;
  itemId: number;
  titleId: number;
  title: string;
  authors: string;
  year: string;
  volume: string;
  place: string;
  names: string[];
  rights: string;
  license: string;
  reuse: string;
  citation: string;
}

export interface CatalogClient {
  findPageSet(name: string): Promise<CatalogPageSet | undefined>;
  /** Pages of a set in ascending PageID, up to 500 at a time. */
  streamPageSet(pageSetId: string): AsyncIterable<{ pageId: number; itemId: number }[]>;
  /** Those of the given pages (at most 500) that catalog knows. */
  findPages(pageIds: readonly number[]): Promise<{ pageId: number; itemId: number }[]>;
  /** All candidates of a rule in ascending PageID, up to 500 at a time. */
  streamCandidates(rule: string, signal?: AbortSignal): AsyncIterable<number[]>;
  /** Stories of those of the given pages (at most 500) that catalog knows. */
  findStories(pageIds: readonly number[]): Promise<CatalogStory[]>;
  /** @throws not_found */
  getRule(name: string): Promise<{ version: number; sha256: string }>;
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
    async *streamCandidates(rule, signal) {
      for await (const { pages } of client.streamPages({ selection: { $case: 'rule', value: rule } }, { signal }))
        yield pages.map(({ pageId }) => pageId);
    },
    findStories: async (pageIds) => {
      const found: CatalogStory[] = [];
      for await (const { pages } of client.streamStories({ pageIds: [...pageIds] }, { deadline: 60_000 }))
        found.push(...pages.map(toStory));
      return found;
    },
    getRule: async (name) => {
      const { version, sha256 } = await client.getRule({ name });
      return { version, sha256 };
    },
    async *streamReservoir() {
      for await (const { pages } of client.streamPages({ reservoir: true }))
        yield pages.map(({ pageId, itemId }) => ({ pageId, itemId }));
    },
    countOutside: async () => Number((await client.getReservoir({})).outsidePageCount),
    close,
  };
}

function toStory({
  ref,
  title,
  authors,
  year,
  volume,
  place,
  names,
  rights,
  license,
  reuse,
  citation,
}: Page): CatalogStory {
  const { pageId, itemId, titleId } = ref ?? { pageId: 0, itemId: 0, titleId: 0 };
  return { pageId, itemId, titleId, title, authors, year, volume, place, names, rights, license, reuse, citation };
}
