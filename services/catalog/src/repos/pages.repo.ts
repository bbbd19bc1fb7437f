import { type Kysely, sql } from 'kysely';
import type { Page, PageRef } from '../domain/page.ts';
import type { CatalogSchema } from '../schema.ts';

/** Which pages: candidates of a rule, pages of a set (or those of both), or pages by id. */
export interface PageSelection {
  ruleId?: number;
  pageSetId?: string;
  pageIds?: readonly number[];
}

export interface PagesRepo {
  findPage(pageId: number): Promise<Page | undefined>;
  /** Ascending by PageID, after `after`. */
  listPageRefs(selection: PageSelection, after: number, limit: number): Promise<PageRef[]>;
}

export function pagesRepo(kysely: Kysely<CatalogSchema>): PagesRepo {
  return {
    findPage: async (pageId) => {
      const row = await kysely
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
          'item.bar_code',
          'item.title_ids',
          'item.volume as item_volume',
          'item.year as item_year',
          'item.copyright_status',
          'item.rights_statement',
          'item.license_type',
          'item.rights_holder',
          'title.full_title',
          'title.author',
          'title.start_year',
        ])
        .where('page.page_id', '=', pageId)
        .executeTakeFirst();
      if (!row) return undefined;
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
        authors: row.author ?? '',
        year: row.page_year || row.item_year || row.start_year || '',
        volume: row.item_volume || row.page_volume,
        issue: row.issue,
        rows: row.rows.map(([prefix, number, typeName]) => ({ prefix, number, typeName })),
        neighbours: row.neighbour_ids.map((id, index) => ({ pageId: id, sequence: row.neighbour_sequences[index]! })),
        rights: {
          copyrightStatus: row.copyright_status ?? '',
          statement: row.rights_statement ?? '',
          license: row.license_type ?? '',
          holder: row.rights_holder ?? '',
        },
      };
    },

    listPageRefs: async ({ ruleId, pageSetId, pageIds }, after, limit) => {
      const rows = await kysely
        .selectFrom('page')
        .leftJoin('item', 'item.item_id', 'page.item_id')
        .select(['page.page_id', 'page.item_id', 'page.sequence', 'item.bar_code', 'item.title_ids'])
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
        .$if(pageIds !== undefined, (query) =>
          query.where(sql<boolean>`page.page_id = any(${[...pageIds!]}::integer[])`),
        )
        .where('page.page_id', '>', after)
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
  };
}
