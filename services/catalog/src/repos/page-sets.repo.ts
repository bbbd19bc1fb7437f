import type { Tx } from '@florilegium/db';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { ItemPages, PageSet, PageSetParameters, StratifyBy } from '../domain/page-set.ts';
import type { CatalogSchema } from '../schema.ts';

/** What a page set is drawn from: a rule's candidates, within a set if one is named, without the pages of others. */
export interface DrawBase {
  ruleId: number;
  withinPageSetId: string | undefined;
  excludePageSetIds: readonly string[];
}

export interface PageSetsRepo {
  findPageSet(id: string): Promise<PageSet | undefined>;
  findPageSetByName(name: string): Promise<PageSet | undefined>;
  /** By name, after `after`; only those in `ids` where given. */
  listPageSets(options: { name?: string; ids?: readonly string[]; after?: string; limit: number }): Promise<PageSet[]>;
  listPageIds(pageSetId: string, after: number, limit: number): Promise<number[]>;
  /** Until the transaction ends no import merges, so that a draw reads one state of the candidates. */
  holdCandidates(): Promise<void>;
  /** How many pages `shareMax` is of: nothing is excluded. */
  countBase(base: DrawBase): Promise<number>;
  countPagesByItem(base: DrawBase): Promise<ItemPages[]>;
  listBasePageIds(base: DrawBase, after: number, limit: number): Promise<number[]>;
  countByStratum(base: DrawBase, by: Stratification): Promise<Map<string, number>>;
  listBaseStrata(
    base: DrawBase,
    by: Stratification,
    after: number,
    limit: number,
  ): Promise<{ pageId: number; stratum: string }[]>;
}

export interface Stratification {
  by: StratifyBy;
  /** The types that the rule looks for: a page with one of them is of that type, whatever its other rows say. */
  typeNames: readonly string[];
}

/** The stratum of a page, of its item and of its title, as text. */
function stratumOf({ by, typeNames }: Stratification) {
  if (by === 'item') return sql<string>`coalesce(page.item_id::text, '')`;
  if (by === 'decade') {
    return sql<string>`coalesce(substring(
      coalesce(nullif(page.year, ''), nullif(item.year, ''), title.start_year, '') from '[0-9]{4}')::integer / 10 * 10, 0)::text`;
  }
  return sql<string>`coalesce(
    (select row_type from jsonb_array_elements(page.rows) with ordinality as listed (listed_row, place), lateral (select listed_row ->> 2 as row_type) types
     where row_type = any(${[...typeNames]}::text[]) order by place limit 1),
    page.rows -> 0 ->> 2, '')`;
}

export function pageSetsRepo(kysely: Kysely<CatalogSchema>): PageSetsRepo {
  const sets = () =>
    kysely
      .selectFrom('page_set')
      .innerJoin('candidate_rule', 'candidate_rule.id', 'page_set.rule_id')
      .selectAll('page_set')
      .select('candidate_rule.name as rule');

  const base = ({ ruleId, withinPageSetId, excludePageSetIds }: DrawBase) =>
    kysely
      .selectFrom('candidate')
      .where('candidate.rule_id', '=', ruleId)
      .$if(withinPageSetId !== undefined, (query) =>
        query.where(
          sql<boolean>`exists (select from page_set_page within where within.page_set_id = ${withinPageSetId}::uuid and within.page_id = candidate.page_id)`,
        ),
      )
      .$if(excludePageSetIds.length > 0, (query) =>
        query.where(
          sql<boolean>`not exists (select from page_set_page other where other.page_set_id = any(${[...excludePageSetIds]}::uuid[]) and other.page_id = candidate.page_id)`,
        ),
      );

  const withStories = (drawBase: DrawBase) =>
    base(drawBase)
      .innerJoin('page', 'page.page_id', 'candidate.page_id')
      .leftJoin('item', 'item.item_id', 'page.item_id')
      .leftJoin('title', (join) => join.on(sql<boolean>`title.title_id = item.title_ids[1]`));

  return {
    findPageSet: async (id) => {
      const row = await sets().where('page_set.id', '=', id).executeTakeFirst();
      return row && toPageSet(row);
    },
    findPageSetByName: async (name) => {
      const row = await sets().where('page_set.name', '=', name).executeTakeFirst();
      return row && toPageSet(row);
    },
    listPageSets: async ({ name, ids, after, limit }) => {
      const rows = await sets()
        .$if(name !== undefined, (query) => query.where('page_set.name', '=', name!))
        .$if(ids !== undefined, (query) => query.where(sql<boolean>`page_set.id = any(${[...ids!]}::uuid[])`))
        .$if(after !== undefined, (query) => query.where('page_set.name', '>', after!))
        .orderBy('page_set.name')
        .limit(limit)
        .execute();
      return rows.map(toPageSet);
    },
    listPageIds: async (pageSetId, after, limit) => {
      const rows = await kysely
        .selectFrom('page_set_page')
        .select('page_id')
        .where('page_set_id', '=', pageSetId)
        .where('page_id', '>', after)
        .orderBy('page_id')
        .limit(limit)
        .execute();
      return rows.map(({ page_id }) => page_id);
    },
    holdCandidates: async () => {
      await sql`select pg_advisory_xact_lock_shared(hashtextextended('catalog merge', 0))`.execute(kysely);
    },
    countBase: async (drawBase) => {
      const { count } = await base({ ...drawBase, excludePageSetIds: [] })
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return count;
    },
    countPagesByItem: async (drawBase) => {
      const rows = await base(drawBase)
        .innerJoin('page', 'page.page_id', 'candidate.page_id')
        .where('page.item_id', 'is not', null)
        .select(({ fn }) => ['page.item_id', fn.countAll<number>().as('count')])
        .groupBy('page.item_id')
        .execute();
      return rows.map(({ item_id, count }) => ({ itemId: item_id!, pageCount: count }));
    },
    listBasePageIds: async (drawBase, after, limit) => {
      const rows = await base(drawBase)
        .select('candidate.page_id')
        .where('candidate.page_id', '>', after)
        .orderBy('candidate.page_id')
        .limit(limit)
        .execute();
      return rows.map(({ page_id }) => page_id);
    },
    countByStratum: async (drawBase, by) => {
      const rows = await withStories(drawBase)
        .select(({ fn }) => [stratumOf(by).as('stratum'), fn.countAll<number>().as('count')])
        .groupBy(sql`1`)
        .execute();
      return new Map(rows.map(({ stratum, count }) => [stratum, count]));
    },
    listBaseStrata: async (drawBase, by, after, limit) => {
      const rows = await withStories(drawBase)
        .select(['candidate.page_id', stratumOf(by).as('stratum')])
        .where('candidate.page_id', '>', after)
        .orderBy('candidate.page_id')
        .limit(limit)
        .execute();
      return rows.map(({ page_id, stratum }) => ({ pageId: page_id, stratum }));
    },
  };
}

export interface NewPageSet {
  id: string;
  parameters: PageSetParameters;
  base: DrawBase;
  pages: { pageIds: readonly number[] } | { itemIds: readonly number[] };
}

/** Stores a drawn set with its pages; false when another set has the name. A page set is never changed afterwards. */
export async function addPageSet(
  { kysely, copyIn }: Tx<CatalogSchema>,
  { id, parameters, base, pages }: NewPageSet,
): Promise<boolean> {
  const { rows } = await sql`
    insert into page_set (id, name, rule_id, parameters, page_count, item_count)
    values (${id}, ${parameters.name}, ${base.ruleId}, ${JSON.stringify(parameters)}, 0, 0)
    on conflict (name) do nothing returning id`.execute(kysely);
  if (rows.length === 0) return false;
  if ('pageIds' in pages) {
    await copyIn('copy page_set_page (page_set_id, page_id) from stdin', memberLines(id, pages.pageIds));
  } else {
    await sql`
      insert into page_set_page (page_set_id, page_id)
      select ${id}::uuid, candidate.page_id from candidate join page using (page_id)
      where candidate.rule_id = ${base.ruleId} and page.item_id = any(${[...pages.itemIds]}::integer[])
        and (${base.withinPageSetId ?? null}::uuid is null or exists (
          select from page_set_page within where within.page_set_id = ${base.withinPageSetId ?? null}::uuid and within.page_id = candidate.page_id))
        and not exists (
          select from page_set_page other where other.page_set_id = any(${[...base.excludePageSetIds]}::uuid[]) and other.page_id = candidate.page_id)`.execute(
      kysely,
    );
  }
  await sql`
    update page_set set (page_count, item_count) = (
      select count(*), count(distinct page.item_id) from page_set_page join page using (page_id) where page_set_id = ${id})
    where id = ${id}`.execute(kysely);
  return true;
}

function* memberLines(pageSetId: string, pageIds: readonly number[]): Generator<string> {
  for (let start = 0; start < pageIds.length; start += 1000) {
    yield `${pageIds
      .slice(start, start + 1000)
      .map((pageId) => `${pageSetId}\t${pageId}`)
      .join('\n')}\n`;
  }
}

function toPageSet(row: Selectable<CatalogSchema['page_set']> & { rule: string }): PageSet {
  // Sets that were drawn before draws could be stratified say nothing of it.
  const parameters = Object.assign({ stratifyBy: '', allocation: '' }, row.parameters as PageSetParameters);
  return {
    ...parameters,
    id: row.id,
    rule: row.rule,
    pageCount: row.page_count,
    itemCount: row.item_count,
    createdAt: row.created_at,
  };
}
