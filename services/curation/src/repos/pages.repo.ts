import { type Kysely, sql } from 'kysely';
import type { PageSetName } from '../domain/label.ts';
import type { Schema } from '../schema.ts';

export interface PageSetRef {
  name: PageSetName;
  id: string;
  rule: string;
  seed: number;
  pageCount: number;
}

export interface PageOfItem {
  pageId: number;
  itemId: number;
}

export function pagesRepo(kysely: Kysely<Schema>) {
  return {
    listPageSets: async (): Promise<PageSetRef[]> => {
      const { rows } = await sql<PageSetRef>`
        select name, id, rule, seed, page_count as "pageCount" from page_set order by name`.execute(kysely);
      return rows;
    },
    /** @returns false when the set is there already */
    addPageSet: async ({ name, id, rule, seed, pageCount }: PageSetRef): Promise<boolean> => {
      const { rows } = await sql`
        insert into page_set (name, id, rule, seed, page_count) values (${name}, ${id}, ${rule}, ${seed}, ${pageCount})
        on conflict do nothing returning 1`.execute(kysely);
      return rows.length > 0;
    },
    addPages: async (name: PageSetName, pages: readonly PageOfItem[]): Promise<void> => {
      await sql`
        insert into page (page_id, item_id, page_set)
        select page_id, item_id, ${name} from unnest(
          ${pages.map(({ pageId }) => pageId)}::int[], ${pages.map(({ itemId }) => itemId)}::int[]) as p (page_id, item_id)
        on conflict (page_id) do nothing`.execute(kysely);
    },
    /** The same page twice is there once. */
    stagePages: async (pageSetId: string, pages: readonly PageOfItem[]): Promise<void> => {
      await sql`
        insert into page_set_stage (page_set_id, page_id, item_id)
        select ${pageSetId}, page_id, item_id from unnest(
          ${pages.map(({ pageId }) => pageId)}::int[], ${pages.map(({ itemId }) => itemId)}::int[]) as p (page_id, item_id)
        on conflict do nothing`.execute(kysely);
    },
    /** @returns how many pages of the set were staged */
    addStagedPages: async (name: PageSetName, pageSetId: string): Promise<number> => {
      const { rows } = await sql<{ count: number }>`
        with staged as (select page_id, item_id from page_set_stage where page_set_id = ${pageSetId}),
          added as (
            insert into page (page_id, item_id, page_set) select page_id, item_id, ${name} from staged
            on conflict (page_id) do nothing)
        select count(*)::int as count from staged`.execute(kysely);
      return rows[0]!.count;
    },
    clearStage: async (pageSetId: string): Promise<void> => {
      await sql`delete from page_set_stage where page_set_id = ${pageSetId}`.execute(kysely);
    },
    /** The set of each page that is in one. */
    setsOf: async (pageIds: readonly number[]): Promise<Map<number, PageSetName>> => {
      const { rows } = await sql<{ pageId: number; pageSet: PageSetName }>`
        select page_id as "pageId", page_set as "pageSet" from page where page_id = any(${pageIds}::int[])`.execute(
        kysely,
      );
      return new Map(rows.map(({ pageId, pageSet }) => [pageId, pageSet]));
    },
    /** Pages of `train` that nobody labelled and no audit drew; the set is bounded by how it is drawn. */
    listUnlabelledOfTrain: async (): Promise<PageOfItem[]> => {
      const { rows } = await sql<PageOfItem>`
        select page.page_id as "pageId", page.item_id as "itemId" from page
        where page.page_set = 'train'
          and not exists (select 1 from standing_label_event e where e.page_id = page.page_id)
          and not exists (select 1 from audit_page a where a.page_id = page.page_id)
        order by page.page_id`.execute(kysely);
      return rows;
    },
  };
}
