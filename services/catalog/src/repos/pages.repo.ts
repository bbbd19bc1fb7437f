import { type Kysely, type Selectable, sql } from 'kysely';
import type { Page, PageRef, PageRowFacts, Part } from '../domain/page.ts';
import type { Reuse } from '../domain/reuse.ts';
import type { ComparedPage } from '../domain/rule-comparison.ts';
import type { CatalogSchema } from '../schema.ts';

/** Which pages: candidates of a rule, pages of a set (or those of both), the reservoir, or pages by id. */
export interface PageSelection {
  ruleId?: number;
  pageSetId?: string;
  pageIds?: readonly number[];
  reservoir?: boolean;
  /** Only pages that may be reused in one of these ways. */
  reuse?: readonly Reuse[];
}

export interface PagesRepo {
  findPage(pageId: number): Promise<Page | undefined>;
  /** Those of the given pages that are kept, ascending by PageID. */
  listPages(pageIds: readonly number[]): Promise<Page[]>;
  /** Ascending by PageID, after `after`. */
  listPageRefs(selection: PageSelection, after: number, limit: number): Promise<PageRef[]>;
  countByReuse(selection: PageSelection): Promise<Map<Reuse, number>>;
  /** Pages kept for their rows, ascending by PageID. */
  listKeptRows(after: number, limit: number): Promise<{ pageId: number; rows: PageRowFacts[] }[]>;
  /** Candidates of at least one of two rules, ascending by PageID. */
  listCandidatesOfEither(ruleIds: readonly [number, number], after: number, limit: number): Promise<ComparedPage[]>;
}

/** A page's own rights are those of its first article whose class is known, else its item's; `listPages` chooses the same. */
const reuseOfPage = sql<Reuse>`coalesce((
  select part.reuse from page_part join part using (part_id)
  where page_part.page_id = page.page_id and part.reuse <> 'unknown' order by part_id limit 1), item.reuse, 'unknown')`;

const toRows = (rows: readonly (readonly [string, string, string])[]): PageRowFacts[] =>
  rows.map(([prefix, number, typeName]) => ({ prefix, number, typeName }));

export function pagesRepo(kysely: Kysely<CatalogSchema>): PagesRepo {
  const select = ({ ruleId, pageSetId, pageIds, reservoir, reuse }: PageSelection, after: number) =>
    kysely
      .selectFrom('page')
      .leftJoin('item', 'item.item_id', 'page.item_id')
      .$if(ruleId !== undefined, (query) =>
        query
          .innerJoin('candidate', (join) =>
            join.onRef('candidate.page_id', '=', 'page.page_id').on('candidate.rule_id', '=', ruleId!),
          )
          .where('candidate.page_id', '>', after),
      )
      .$if(pageSetId !== undefined, (query) =>
        query
          .innerJoin('page_set_page', (join) =>
            join.onRef('page_set_page.page_id', '=', 'page.page_id').on('page_set_page.page_set_id', '=', pageSetId!),
          )
          .where('page_set_page.page_id', '>', after),
      )
      .$if(pageIds !== undefined, (query) => query.where(sql<boolean>`page.page_id = any(${[...pageIds!]}::integer[])`))
      .$if(reservoir === true, (query) => query.where(sql<boolean>`page.kept_as = 'reservoir'`))
      .$if(reuse !== undefined, (query) => query.where(sql<boolean>`${reuseOfPage} = any(${[...reuse!]}::text[])`))
      .where('page.page_id', '>', after);

  const listParts = (pageIds: readonly number[]) =>
    kysely
      .selectFrom('page_part')
      .innerJoin('part', 'part.part_id', 'page_part.part_id')
      .selectAll('part')
      .select('page_part.page_id')
      .where(sql<boolean>`page_part.page_id = any(${[...pageIds]}::integer[])`)
      .orderBy('part.part_id')
      .execute();

  const listPages = async (pageIds: readonly number[]): Promise<Page[]> => {
    const rows = await kysely
      .selectFrom('page')
      .leftJoin('item', 'item.item_id', 'page.item_id')
      .leftJoin('title', (join) => join.on(sql<boolean>`title.title_id = item.title_ids[1]`))
      .select([
        'page.page_id',
        'page.item_id',
        'page.sequence',
        'page.year as page_year',
        'page.volume as page_volume',
        'page.issue',
        'page.rows',
        'page.neighbour_ids',
        'page.neighbour_sequences',
        'page.kept_as',
        'item.reuse as item_reuse',
        sql<string[] | null>`(select names from page_name where page_name.page_id = page.page_id)`.as('names'),
        'item.bar_code',
        'item.title_ids',
        'item.volume as item_volume',
        'item.year as item_year',
        'item.copyright_status',
        'item.rights_statement',
        'item.license_type',
        'item.rights_holder',
        'item.institution_name',
        'title.full_title',
        'title.author',
        'title.creators',
        'title.publication_details',
        'title.start_year',
      ])
      .where(sql<boolean>`page.page_id = any(${[...pageIds]}::integer[])`)
      .orderBy('page.page_id')
      .execute();
    const parts = Map.groupBy(await listParts(rows.map(({ page_id }) => page_id)), ({ page_id }) => page_id);
    return rows.map((row) => {
      const itsParts = parts.get(row.page_id) ?? [];
      const part = itsParts.find(({ reuse }) => reuse !== 'unknown');
      return {
        ref: {
          pageId: row.page_id,
          itemId: row.item_id ?? 0,
          titleId: row.title_ids?.[0] ?? 0,
          barCode: row.bar_code ?? '',
          sequence: row.sequence ?? 0,
        },
        keptAs: row.kept_as,
        title: row.full_title ?? '',
        authors: row.creators || row.author || '',
        publicationDetails: row.publication_details ?? '',
        institution: row.institution_name ?? '',
        year: row.page_year || row.item_year || row.start_year || '',
        volume: row.item_volume || row.page_volume,
        issue: row.issue,
        rows: toRows(row.rows),
        names: row.names ?? [],
        parts: itsParts.slice(0, partsMax).map(toPart),
        neighbours: row.neighbour_ids.map((id, index) => ({ pageId: id, sequence: row.neighbour_sequences[index]! })),
        reuse: part?.reuse ?? row.item_reuse ?? 'unknown',
        rights: part
          ? {
              copyrightStatus: part.rights_status,
              statement: part.rights_statement,
              license: part.license_url || part.license_name,
              holder: part.rights_holder,
            }
          : {
              copyrightStatus: row.copyright_status ?? '',
              statement: row.rights_statement ?? '',
              license: row.license_type ?? '',
              holder: row.rights_holder ?? '',
            },
      };
    });
  };

  return {
    findPage: async (pageId) => (await listPages([pageId]))[0],

    listPages,

    listPageRefs: async (selection, after, limit) => {
      const rows = await select(selection, after)
        .select(['page.page_id', 'page.item_id', 'page.sequence', 'item.bar_code', 'item.title_ids'])
        .orderBy('page.page_id')
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        pageId: row.page_id,
        itemId: row.item_id ?? 0,
        titleId: row.title_ids?.[0] ?? 0,
        barCode: row.bar_code ?? '',
        sequence: row.sequence ?? 0,
      }));
    },

    countByReuse: async (selection) => {
      const rows = await select(selection, -1)
        .select(({ fn }) => [reuseOfPage.as('reuse'), fn.countAll<number>().as('count')])
        .groupBy(sql`1`)
        .execute();
      return new Map(rows.map(({ reuse, count }) => [reuse, count]));
    },

    listKeptRows: async (after, limit) => {
      const kept = await kysely
        .selectFrom('page')
        .select(['page_id', 'rows'])
        .where('kept_as', '=', 'rule')
        .where('page_id', '>', after)
        .orderBy('page_id')
        .limit(limit)
        .execute();
      return kept.map(({ page_id, rows }) => ({ pageId: page_id, rows: toRows(rows) }));
    },

    listCandidatesOfEither: async ([one, other], after, limit) => {
      // The next of both are among the next of each, which the index gives without looking at the rest.
      const { rows: pages } = await sql<{
        page_id: number;
        in_one: boolean;
        in_other: boolean;
        rows: [string, string, string][];
        year: string;
      }>`
        select either.*, page.rows,
          coalesce(nullif(page.year, ''), nullif(item.year, ''), title.start_year, '') as year
        from (
          select page_id, bool_or(rule_id = ${one}) as in_one, bool_or(rule_id = ${other}) as in_other
          from (
            (select rule_id, page_id from candidate where rule_id = ${one} and page_id > ${after} order by page_id limit ${limit})
            union all
            (select rule_id, page_id from candidate where rule_id = ${other} and page_id > ${after} order by page_id limit ${limit})
          ) next
          group by page_id order by page_id limit ${limit}) either
        join page using (page_id)
        left join item on item.item_id = page.item_id
        left join title on title.title_id = item.title_ids[1]
        order by either.page_id`.execute(kysely);
      return pages.map(({ page_id, in_one, in_other, year, rows }) => ({
        pageId: page_id,
        inOne: in_one,
        inOther: in_other,
        year,
        rows: toRows(rows),
      }));
    },
  };
}

/** An article's page belongs to one part, seldom to two; more would be a fault of the export. */
const partsMax = 20;

function toPart(row: Selectable<CatalogSchema['part']>): Part {
  return {
    partId: row.part_id,
    title: row.title,
    containerTitle: row.container_title,
    date: row.date,
    pageRange: row.page_range,
  };
}
