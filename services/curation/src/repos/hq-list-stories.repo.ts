import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { GalleryFilter, GalleryOrder } from '../domain/gallery.ts';
import type { Schema } from '../schema.ts';

/** The story of a page as it was when its list was frozen; texts are empty where catalog knew nothing. */
export interface PageStory {
  pageId: number;
  itemId: number | null;
  titleId: number | null;
  title: string;
  authors: string;
  /** As written; `yearFrom` is the first one it names. */
  year: string;
  yearFrom: number | null;
  volume: string;
  place: string;
  names: string[];
  rights: string;
  license: string;
  reuse: string;
  citation: string;
  /** Pixels of the medium image; null where none was stored. */
  width: number | null;
  height: number | null;
}

export interface NewStory extends PageStory {
  /** What filters look in. */
  workFolded: string;
  namesFolded: string;
}

export interface GalleryPage extends PageStory {
  ordinal: number;
  probability: number | null;
  chosenBy: 'label' | 'score' | 'import';
}

export interface GalleryFacets {
  total: number;
  unknownYearCount: number;
  reuse: Record<string, number>;
  decades: { decade: number; count: number }[];
  titles: { titleId: number; title: string; count: number }[];
}

const columns = sql`
  s.item_id as "itemId", s.title_id as "titleId", coalesce(s.title, '') as title, coalesce(s.authors, '') as authors,
  coalesce(s.year, '') as year, s.year_from as "yearFrom", coalesce(s.volume, '') as volume,
  coalesce(s.place, '') as place, coalesce(s.names, '{}') as names, coalesce(s.rights, '') as rights,
  coalesce(s.license, '') as license, coalesce(s.reuse, 'unknown') as reuse, coalesce(s.citation, '') as citation,
  s.width, s.height`;

/** Pages of a list with their stories; a list frozen before stories were kept has pages alone. */
const pagesOf = (listId: string) => sql`
  hq_list_page p left join hq_list_story s on s.hq_list_id = p.hq_list_id and s.page_id = p.page_id
  where p.hq_list_id = ${listId}`;

const escapeLike = (text: string) => text.replace(/[\\%_]/g, (found) => `\\${found}`);

function conditions({ workWords, nameWords, yearMin, yearMax, reuse }: GalleryFilter): RawBuilder<unknown> {
  const all: RawBuilder<unknown>[] = [
    ...workWords.map((word) => sql`and s.work_folded like ${`%${escapeLike(word)}%`}`),
    ...nameWords.map((word) => sql`and s.names_folded like ${`%${escapeLike(word)}%`}`),
  ];
  if (yearMin !== undefined) all.push(sql`and s.year_from >= ${yearMin}`);
  if (yearMax !== undefined) all.push(sql`and s.year_from <= ${yearMax}`);
  if (reuse.length > 0) all.push(sql`and coalesce(s.reuse, 'unknown') = any(${reuse}::text[])`);
  return sql.join(all, sql` `);
}

const orders: Record<Exclude<GalleryOrder, 'shuffle'>, RawBuilder<unknown>> = {
  page: sql`p.ordinal`,
  probability: sql`p.probability desc nulls last, p.ordinal`,
  year: sql`s.year_from nulls last, p.ordinal`,
};

export function hqListStoriesRepo(kysely: Kysely<Schema>) {
  return {
    /** The same page again replaces its story: work that begins anew leaves what one run leaves. */
    putStories: async (listId: string, stories: readonly NewStory[]): Promise<void> => {
      if (stories.length === 0) return;
      // Names are arrays of several lengths: as JSON they travel in one parameter with the rest.
      await sql`
        insert into hq_list_story (hq_list_id, page_id, item_id, title_id, title, authors, year, year_from, volume, place,
          names, rights, license, reuse, citation, work_folded, names_folded, width, height)
        select ${listId}, "pageId", "itemId", "titleId", title, authors, year, "yearFrom", volume, place,
          names, rights, license, reuse, citation, "workFolded", "namesFolded", width, height
        from jsonb_to_recordset(${JSON.stringify(stories)}::jsonb) as story (
          "pageId" int, "itemId" int, "titleId" int, title text, authors text, year text, "yearFrom" int, volume text,
          place text, names text[], rights text, license text, reuse text, citation text, "workFolded" text,
          "namesFolded" text, width int, height int)
        on conflict (hq_list_id, page_id) do update set item_id = excluded.item_id, title_id = excluded.title_id,
          title = excluded.title, authors = excluded.authors, year = excluded.year, year_from = excluded.year_from,
          volume = excluded.volume, place = excluded.place, names = excluded.names, rights = excluded.rights,
          license = excluded.license, reuse = excluded.reuse, citation = excluded.citation,
          work_folded = excluded.work_folded, names_folded = excluded.names_folded, width = excluded.width,
          height = excluded.height`.execute(kysely);
    },
    clearStories: async (listId: string): Promise<void> => {
      await sql`delete from hq_list_story where hq_list_id = ${listId}`.execute(kysely);
    },
    /** Drops stories of pages that are not in the list after all. @returns those of its pages that have none, `limit` at most */
    keepStoriesOfPages: async (listId: string, limit: number): Promise<number[]> => {
      await sql`
        delete from hq_list_story s where s.hq_list_id = ${listId}
          and not exists (select 1 from hq_list_page p where p.hq_list_id = ${listId} and p.page_id = s.page_id)`.execute(
        kysely,
      );
      const { rows } = await sql<{ pageId: number }>`
        select p.page_id as "pageId" from hq_list_page p where p.hq_list_id = ${listId}
          and not exists (select 1 from hq_list_story s where s.hq_list_id = ${listId} and s.page_id = p.page_id)
        order by p.page_id limit ${limit}`.execute(kysely);
      return rows.map(({ pageId }) => pageId);
    },
    /**
     * Places in the list of the pages that a filter leaves, in order; a shuffled gallery is ordered by its reader. Four bytes a page travel:
     * 100,000 of them are read in some milliseconds, and the gallery may then be entered anywhere.
     */
    readOrdinals: async (
      listId: string,
      { filter, order }: { filter: GalleryFilter; order: Exclude<GalleryOrder, 'shuffle'> },
    ): Promise<Int32Array> => {
      const { rows } = await sql<{ ordinals: Buffer | null }>`
        select string_agg(int4send(p.ordinal), ''::bytea order by ${orders[order]}) as ordinals
        from ${pagesOf(listId)} ${conditions(filter)}`.execute(kysely);
      const bytes = rows[0]?.ordinals ?? Buffer.alloc(0);
      const ordinals = new Int32Array(bytes.length / 4);
      for (let at = 0; at < ordinals.length; at++) ordinals[at] = bytes.readInt32BE(at * 4);
      return ordinals;
    },
    /** In the order of `ordinals`. */
    readGalleryPages: async (listId: string, ordinals: readonly number[]): Promise<GalleryPage[]> => {
      if (ordinals.length === 0) return [];
      const { rows } = await sql<GalleryPage>`
        select p.ordinal, p.page_id as "pageId", p.probability, p.chosen_by as "chosenBy", ${columns}
        from ${pagesOf(listId)} and p.ordinal = any(${ordinals}::int[])`.execute(kysely);
      const byOrdinal = new Map(rows.map((row) => [row.ordinal, row]));
      return ordinals.flatMap((ordinal) => byOrdinal.get(ordinal) ?? []);
    },
    /** Pages from a place in the list on, with their stories, in ascending PageID. */
    readStories: async (listId: string, from: number, limit: number): Promise<GalleryPage[]> => {
      const { rows } = await sql<GalleryPage>`
        select p.ordinal, p.page_id as "pageId", p.probability, p.chosen_by as "chosenBy", ${columns}
        from ${pagesOf(listId)} and p.ordinal >= ${from} and p.ordinal < ${from + limit} order by p.ordinal`.execute(
        kysely,
      );
      return rows;
    },
    /** Each facet as the filter's other parts leave it: what else could be chosen of it is what a person wants to see. */
    countFacets: async (listId: string, filter: GalleryFilter, titlesMax: number): Promise<GalleryFacets> => {
      const { reuse, yearMin = 0, yearMax = 9999 } = filter;
      const isOfReuse = reuse.length === 0 ? sql`true` : sql`coalesce(s.reuse, 'unknown') = any(${reuse}::text[])`;
      const isOfYears =
        filter.yearMin === undefined && filter.yearMax === undefined
          ? sql`true`
          : sql`coalesce(s.year_from between ${yearMin} and ${yearMax}, false)`;
      const byWords = conditions({ ...filter, reuse: [], yearMin: undefined, yearMax: undefined });
      const { rows } = await sql<GalleryFacets>`
        with matching as (
          select s.title_id, s.title, s.year_from / 10 * 10 as decade, coalesce(s.reuse, 'unknown') as reuse,
            ${isOfReuse} as of_reuse, ${isOfYears} as of_years
          from ${pagesOf(listId)} ${byWords})
        select (select count(*)::int from matching where of_reuse and of_years) as total,
          (select count(*)::int from matching where of_reuse and decade is null) as "unknownYearCount",
          (select coalesce(jsonb_object_agg(reuse, count), '{}') from (
            select reuse, count(*) from matching where of_years group by reuse) r) as reuse,
          (select coalesce(jsonb_agg(jsonb_build_object('decade', decade, 'count', count) order by decade), '[]') from (
            select decade, count(*) from matching where of_reuse and decade is not null group by decade) d) as decades,
          (select coalesce(jsonb_agg(jsonb_build_object('titleId', title_id, 'title', title, 'count', count)
              order by count desc, title_id), '[]') from (
            select title_id, min(title) as title, count(*) from matching where title_id is not null and of_reuse and of_years
            group by title_id order by count(*) desc, title_id limit ${titlesMax}) t) as titles`.execute(kysely);
      return rows[0]!;
    },
  };
}
