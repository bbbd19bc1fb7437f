import { PassThrough } from 'node:stream';
import type { CreatorFileRow, ItemFileRow, PageFileRow, PartFileRow, TitleFileRow } from '@florilegium/bhl';
import { copyText, type Db } from '@florilegium/db';
import { unavailable } from '@florilegium/errors';
import { type Kysely, sql } from 'kysely';
import type { StagedKind, StagedRows } from '../domain/import-run.ts';
import { reuseOf } from '../domain/reuse.ts';
import type { CatalogSchema } from '../schema.ts';
import { copyPages, pageColumns, type ReadPages } from './copy-pages.ts';
import type { MergeCounts } from './imports.repo.ts';

/**
 * Unlogged tables that one attempt of one import fills by COPY and merges in a single transaction. Each attempt has its
 * own, so a worker that was taken for dead cannot write into another's; what a killed attempt left is dropped by the next, or
 * once the import has ended.
 */
export interface StagingRepo {
  readonly attempt: number;
  /** Drops what earlier attempts and imports that have ended left, except what this attempt has taken over. */
  dropLeftovers(): Promise<void>;
  /** Drops this attempt's tables alone: another may have taken over meanwhile. */
  dropOwn(): Promise<void>;
  /** Makes the tables that another attempt has staged for good this one's; false when they or their rows are not all there. */
  takeOver(fromAttempt: number, rows: StagedRows): Promise<boolean>;
  /** What is staged so far. */
  readonly stagedRows: StagedRows;
  readPageIds(): AsyncIterable<number[]>;
  stageItems(items: Batches<Numbered<ItemFileRow>>): Promise<void>;
  stageTitles(titles: Batches<Numbered<TitleFileRow>>): Promise<void>;
  stageCreators(creators: Batches<Numbered<CreatorFileRow>>): Promise<void>;
  stagePartPages(partPages: Batches<{ partId: number; pageId: number }>): Promise<void>;
  stageParts(parts: Batches<Numbered<PartFileRow>>): Promise<void>;
  stageNames(names: Batches<{ pageId: number; name: string }>): Promise<void>;
  /** Pages and their candidates. @param ruleIds of the rules, in the order of the pages' bits */
  stagePages(ruleIds: readonly number[], read: ReadPages): Promise<void>;
  /** For a file whose rows are out of order: all its rows, to be read back by item, page and line. */
  stageUnsortedRows(rows: Batches<Numbered<PageFileRow>>): Promise<void>;
  /** The unsorted rows, now sorted, as a page file. */
  readSortedRows(): AsyncIterable<Buffer>;
}

type Batches<Thing> = AsyncIterable<readonly Thing[]>;
/** With its line in the file, which decides between rows that differ. */
export type Numbered<Row> = Row & { line: number };

export interface MergeOptions {
  importId: string;
  attempt: number;
  /** Of the rules that were judged. */
  ruleIds: readonly number[];
  stagedRows: StagedRows;
  /** What the export told besides; the rest stays as an earlier import left it. */
  has: { creators: boolean; parts: boolean; names: boolean };
}

const prefixOf = (importId: string) => `staging_${importId.replaceAll('-', '')}`;
const tablesOf = (importId: string, attempt: number) => {
  const prefix = `${prefixOf(importId)}_${attempt}`;
  return {
    page: `${prefix}_page`,
    candidate: `${prefix}_candidate`,
    item: `${prefix}_item`,
    title: `${prefix}_title`,
    creator: `${prefix}_creator`,
    part: `${prefix}_part`,
    partPage: `${prefix}_part_page`,
    name: `${prefix}_name`,
    row: `${prefix}_row`,
  };
};

export function stagingRepo(db: Db<CatalogSchema>, importId: string, attempt: number): StagingRepo {
  const tables = tablesOf(importId, attempt);

  const stagedRows: StagedRows = {};
  const fill = (kind: StagedKind | 'row', columns: string, joinedBy: string, lines: AsyncIterable<string>) =>
    db.inTransaction(async ({ kysely, copyIn }) => {
      const table = tables[kind];
      await withoutTimeout(kysely);
      await sql`drop table if exists ${sql.id(table)}`.execute(kysely);
      await sql`create unlogged table ${sql.id(table)} (${sql.raw(columns)})`.execute(kysely);
      const count = await copyIn(`copy ${table} from stdin`, lines);
      // The unsorted rows are read back at once and merged never.
      if (kind !== 'row') stagedRows[kind] = count;
      // Of what the merge joins by; statistics of long texts cost more than they help.
      await sql`analyze ${sql.id(table)} (${sql.raw(joinedBy)})`.execute(kysely);
    });

  /**
   * Like the table it will be merged into. For an empty catalog with its indexes and logged: then it can take that table's place
   * (COPY's freeze spares the vacuum that would rewrite it). Pages come about in the order of their index, which is kept up
   * meanwhile; candidates come rule beside rule, and half the time is spent when theirs is built in the end.
   */
  const fillLike = (
    like: 'page' | 'candidate',
    isFirst: boolean,
    columns: string,
    chunks: AsyncIterable<Buffer>,
  ): Promise<void> =>
    db.inTransaction(async ({ kysely, copyIn }) => {
      await withoutTimeout(kysely);
      const table = sql.id(tables[like]);
      await sql`drop table if exists ${table}`.execute(kysely);
      const create = isFirst ? sql`create table` : sql`create unlogged table`;
      const indexes = isFirst && like === 'page' ? sql`including indexes` : sql`excluding indexes`;
      await sql`${create} ${table} (like ${sql.id(like)} including all ${indexes})`.execute(kysely);
      stagedRows[like] = await copyIn(`copy ${tables[like]} (${columns}) from stdin (format binary, freeze)`, chunks);
      if (isFirst && like === 'candidate') await addIndexesOf(kysely, like, tables[like]);
      await sql`analyze ${table} (${sql.raw(analyzed[like])})`.execute(kysely);
    });

  const analyzed = { page: 'page_id, item_id, kept_as', candidate: 'rule_id, page_id' };
  const taken = new Set<string>();
  return {
    attempt,
    stagedRows,
    takeOver: async (fromAttempt, rows) => {
      const from = tablesOf(importId, fromAttempt);
      const kinds = Object.keys(rows) as StagedKind[];
      if ((await findLostRows(db.kysely, from, rows)) !== undefined) return false;
      await db.inTransaction(async ({ kysely }) => {
        for (const kind of kinds) {
          await sql`alter table ${sql.id(from[kind])} rename to ${sql.id(tables[kind])}`.execute(kysely);
        }
      });
      for (const kind of kinds) taken.add(tables[kind]);
      Object.assign(stagedRows, rows);
      return true;
    },
    readPageIds: async function* () {
      let rest = '';
      for await (const block of db.copyOut(`copy ${tables.page} (page_id) to stdout`)) {
        const lines = (rest + block.toString('latin1')).split('\n');
        rest = lines.pop()!;
        yield lines.map(Number);
      }
    },
    dropOwn: async () => {
      for (const name of Object.values(tables)) await sql`drop table if exists ${sql.id(name)}`.execute(db.kysely);
    },
    dropLeftovers: async () => {
      const { rows } = await sql<{ name: string }>`
        select tablename as name from pg_tables
        where schemaname = ${db.schema} and tablename like ${`${prefixOf(importId).replaceAll('_', '\\_')}\\_%`}`.execute(
        db.kysely,
      );
      await dropUnlessInUse(
        db,
        rows.map(({ name }) => name).filter((name) => !taken.has(name)),
      );
      await dropEndedStaging(db);
    },
    stageItems: (items) =>
      fill(
        'item',
        `line integer, item_id integer, title_id integer, bar_code text, volume text, year text, institution_name text,
         copyright_status text, rights_statement text, license_type text, rights_holder text, reuse text`,
        'item_id',
        linesOf(items, itemLine),
      ),
    stageTitles: (titles) =>
      fill(
        'title',
        `line integer, title_id integer, full_title text, short_title text, publication_details text, start_year text,
         end_year text, language_code text, author text, title_url text`,
        'title_id',
        linesOf(titles, titleLine),
      ),
    stageCreators: (creators) =>
      fill(
        'creator',
        'line integer, title_id integer, name text',
        'title_id',
        linesOf(creators, ({ line, titleId, name }) => copyLine([line, titleId, name])),
      ),
    stagePartPages: (partPages) =>
      fill(
        'partPage',
        'part_id integer, page_id integer',
        'page_id, part_id',
        linesOf(partPages, ({ partId, pageId }) => copyLine([partId, pageId])),
      ),
    stageParts: (parts) =>
      fill(
        'part',
        `line integer, part_id integer, title text, container_title text, date text, page_range text, rights_status text,
         rights_statement text, license_name text, license_url text, rights_holder text, reuse text`,
        'part_id',
        linesOf(parts, partLine),
      ),
    stageNames: (names) =>
      fill(
        'name',
        'page_id integer, name text',
        'page_id',
        linesOf(names, ({ pageId, name }) => copyLine([pageId, name])),
      ),
    stagePages: async (ruleIds, read) => {
      const { rows } = await sql`select from page limit 1`.execute(db.kysely);
      const isFirst = rows.length === 0;
      const candidates = new PassThrough({ highWaterMark: 1 << 18 });
      // Whoever reads or writes it is told by its own promise.
      candidates.on('error', () => {});
      const copies = await Promise.allSettled([
        fillLike('page', isFirst, pageColumns, copyPages(read, ruleIds, candidates)),
        fillLike('candidate', isFirst, 'rule_id, page_id', candidates).catch((error: Error) => {
          candidates.destroy(error);
          throw error;
        }),
      ]);
      // Where one breaks off, it breaks off the other with the same error.
      for (const copy of copies) if (copy.status === 'rejected') throw copy.reason;
    },
    stageUnsortedRows: (rows) =>
      fill(
        'row',
        `line bigint, page_id integer, item_id integer, sequence integer, year text, volume text, issue text,
         prefix text, number text, type_name text`,
        'page_id',
        linesOf(rows, unsortedRowLine),
      ),
    readSortedRows: () =>
      unescapeCopy(
        sortedRowsHeader,
        // A page belongs to the item of its first row; the last column keeps a type name that ends in CR whole.
        db.copyOut(`copy (
          select page_id, item_id, sequence, year, volume, issue, prefix, number, type_name, ''
          from (select *, first_value(item_id) over (partition by page_id order by line) as owner_id from ${tables.row}) rows
          order by owner_id, page_id, line) to stdout`),
      ),
  };
}

/** Drops what imports left that have ended, cancelled while their worker was gone for instance: nobody comes back for it. */
export async function dropEndedStaging(db: Db<CatalogSchema>): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select tablename as name from pg_tables
    where schemaname = ${db.schema} and tablename ~ '^staging_[0-9a-f]{32}_' and not exists (
      select from import
      where id = substring(tablename from '^staging_([0-9a-f]{32})_')::uuid and state in ('pending', 'running'))`.execute(
    db.kysely,
  );
  await dropUnlessInUse(
    db,
    rows.map(({ name }) => name),
  );
}

async function dropUnlessInUse(db: Db<CatalogSchema>, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await db
      .inTransaction(async ({ kysely }) => {
        // Another attempt that still copies holds the table; it is dropped the next time.
        await sql`set local lock_timeout = '1s'`.execute(kysely);
        await sql`drop table if exists ${sql.id(name)}`.execute(kysely);
      })
      .catch((error: unknown) => {
        if ((error as { code?: string }).code !== '55P03') throw error;
      });
  }
}

/** A COPY takes as long as the file takes to arrive; a source that is silent breaks off by itself. */
async function withoutTimeout(kysely: Kysely<CatalogSchema>): Promise<void> {
  await sql`set local statement_timeout = 0`.execute(kysely);
}

/**
 * The first table that has not the rows that were staged in it: a PostgreSQL that starts again after a crash empties unlogged
 * tables, and an export merged from empty tables would take everything away.
 */
async function findLostRows(
  kysely: Kysely<CatalogSchema>,
  tables: ReturnType<typeof tablesOf>,
  rows: StagedRows,
): Promise<string | undefined> {
  for (const [kind, expected] of Object.entries(rows) as [StagedKind, number][]) {
    const table = tables[kind];
    const there = await sql<{ there: boolean }>`select to_regclass(${table}) is not null as there`.execute(kysely);
    if (!there.rows[0]!.there) return table;
    const { rows: counted } = await sql<{ count: number }>`select count(*) as count from ${sql.id(table)}`.execute(
      kysely,
    );
    if (counted[0]!.count !== expected) return table;
  }
  return undefined;
}

const sortedRowsHeader =
  'PageID\tItemID\tSequenceOrder\tYear\tVolume\tIssue\tPagePrefix\tPageNumber\tPageTypeName\tCreationDate\n';

async function* linesOf<Thing>(batches: Batches<Thing>, lineOf: (thing: Thing) => string): AsyncGenerator<string> {
  for await (const batch of batches) {
    let lines = '';
    for (const thing of batch) lines += lineOf(thing);
    if (lines !== '') yield lines;
  }
}

function unsortedRowLine(row: Numbered<PageFileRow>): string {
  const { line, pageId, itemId, sequence, year, volume, issue, prefix, number, typeName } = row;
  return copyLine([line, pageId, itemId, sequence, year, volume, issue, prefix, number, typeName]);
}

function itemLine(item: Numbered<ItemFileRow>): string {
  const { line, itemId, titleId, barCode, volumeInfo, year, institutionName } = item;
  const { copyrightStatus, rightsStatement, licenseType, rightsHolder } = item;
  return copyLine([
    line,
    itemId,
    titleId < 0 ? null : titleId,
    barCode,
    volumeInfo,
    year,
    institutionName,
    copyrightStatus,
    rightsStatement,
    licenseType,
    rightsHolder,
    reuseOf({ copyrightStatus, statement: rightsStatement, license: licenseType }),
  ]);
}

function partLine(part: Numbered<PartFileRow>): string {
  const { rightsStatus, rightsStatement, licenseName, licenseUrl } = part;
  const license = `${licenseUrl} ${licenseName}`;
  return copyLine([
    part.line,
    part.partId,
    part.title,
    part.containerTitle,
    part.date,
    part.pageRange,
    rightsStatus,
    rightsStatement,
    licenseName,
    licenseUrl,
    part.rightsHolder,
    reuseOf({ copyrightStatus: rightsStatus, statement: rightsStatement, license }),
  ]);
}

function titleLine(title: Numbered<TitleFileRow>): string {
  const {
    line,
    titleId,
    fullTitle,
    shortTitle,
    publicationDetails,
    startYear,
    endYear,
    languageCode,
    author,
    titleUrl,
  } = title;
  return copyLine([
    line,
    titleId,
    fullTitle,
    shortTitle,
    publicationDetails,
    startYear,
    endYear,
    languageCode,
    author,
    titleUrl,
  ]);
}

function copyLine(values: readonly (string | number | null)[]): string {
  let line = '';
  for (let at = 0; at < values.length; at++) line += at === 0 ? copyText(values[at]) : `\t${copyText(values[at])}`;
  return `${line}\n`;
}

const backslash = 0x5c;
const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' };

/** A header, then a stream without COPY's escapes; most blocks hold none. */
async function* unescapeCopy(header: string, blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(header);
  let rest: Buffer | undefined;
  for await (const block of blocks) {
    let whole = rest ? Buffer.concat([rest, block]) : block;
    rest = undefined;
    if (!whole.includes(backslash)) {
      yield whole;
      continue;
    }
    // An escape cut in two waits for its other half: an odd number of backslashes at the end.
    let trailing = 0;
    while (trailing < whole.length && whole[whole.length - 1 - trailing] === backslash) trailing++;
    if (trailing % 2 === 1) {
      rest = whole.subarray(whole.length - 1);
      whole = whole.subarray(0, whole.length - 1);
    }
    // latin1 keeps every byte as it is, so that a character cut in two stays two halves.
    const text = whole.toString('latin1').replace(/\\(.)/gs, (_, character: string) => escapes[character] ?? character);
    yield Buffer.from(text, 'latin1');
  }
}

/**
 * Merges what an attempt has staged, inside the caller's transaction: rows that are already as the export has them are not
 * touched, and pages that the export no longer holds stay as `former`.
 */
export async function mergeStaging(
  kysely: Kysely<CatalogSchema>,
  { importId, attempt, ruleIds, stagedRows, has }: MergeOptions,
): Promise<MergeCounts> {
  const names = tablesOf(importId, attempt);
  const [page, item, title] = [sql.id(names.page), sql.id(names.item), sql.id(names.title)];
  await withoutTimeout(kysely);
  // Candidates are sorted and pages joined by the million: in memory, not on disk.
  await sql`set local work_mem = '64MB'`.execute(kysely);
  const lost = await findLostRows(kysely, names, stagedRows);
  if (lost !== undefined) throw unavailable(`rows that were staged in ${lost} are lost: PostgreSQL was started again`);
  // Two imports that end together merge one after the other.
  await sql`select pg_advisory_xact_lock(hashtextextended('catalog merge', 0))`.execute(kysely);
  await sql`
    insert into item (item_id, bar_code, title_ids, volume, year, institution_name, copyright_status, rights_statement, license_type, rights_holder, reuse)
    select first.item_id, bar_code, coalesce(titles.ids, '{}'), volume, year, institution_name, copyright_status, rights_statement, license_type, rights_holder, reuse
    from (
      select distinct on (item_id) * from ${item}
      where item_id in (select item_id from ${page})
      order by item_id, line) first
    left join (
      select item_id, array_agg(title_id order by line) as ids
      from (select item_id, title_id, min(line) as line from ${item} where title_id is not null group by item_id, title_id) pairs
      group by item_id) titles on titles.item_id = first.item_id
    on conflict (item_id) do update set
      bar_code = excluded.bar_code, title_ids = excluded.title_ids, volume = excluded.volume, year = excluded.year,
      institution_name = excluded.institution_name, copyright_status = excluded.copyright_status,
      rights_statement = excluded.rights_statement, license_type = excluded.license_type, rights_holder = excluded.rights_holder, reuse = excluded.reuse
    where (item.bar_code, item.title_ids, item.volume, item.year, item.institution_name, item.copyright_status, item.rights_statement, item.license_type, item.rights_holder, item.reuse)
      is distinct from (excluded.bar_code, excluded.title_ids, excluded.volume, excluded.year, excluded.institution_name, excluded.copyright_status, excluded.rights_statement, excluded.license_type, excluded.rights_holder, excluded.reuse)`.execute(
    kysely,
  );

  await sql`
    insert into title (title_id, full_title, short_title, publication_details, start_year, end_year, language_code, author, title_url)
    select distinct on (title_id) title_id, full_title, short_title, publication_details, start_year, end_year, language_code, author, title_url
    from ${title} where title_id in (select unnest(title_ids) from item)
    order by title_id, line
    on conflict (title_id) do update set
      full_title = excluded.full_title, short_title = excluded.short_title, publication_details = excluded.publication_details,
      start_year = excluded.start_year, end_year = excluded.end_year, language_code = excluded.language_code,
      author = excluded.author, title_url = excluded.title_url
    where (title.full_title, title.short_title, title.publication_details, title.start_year, title.end_year, title.language_code, title.author, title.title_url)
      is distinct from (excluded.full_title, excluded.short_title, excluded.publication_details, excluded.start_year, excluded.end_year, excluded.language_code, excluded.author, excluded.title_url)`.execute(
    kysely,
  );

  if (has.creators) await mergeCreators(kysely, sql.id(names.creator));
  if (has.parts) await mergeParts(kysely, { page, part: sql.id(names.part), partPage: sql.id(names.partPage) });
  if (has.names) await mergeNames(kysely, { page, name: sql.id(names.name) });

  await forgetOtherRules(kysely, ruleIds);
  // Last, since it may take the staged tables away.
  const pageCounts = (await takePlace(kysely, names))
    ? await countPages(kysely)
    : await mergePages(kysely, { page, candidate: sql.id(names.candidate), ruleIds });
  for (const name of Object.values(names)) await sql`drop table if exists ${sql.id(name)}`.execute(kysely);
  return pageCounts;
}

type Table = ReturnType<typeof sql.id>;

/** Candidates of a rule that this import did not judge are another export's; the rule is judged again when it comes back. */
async function forgetOtherRules(kysely: Kysely<CatalogSchema>, ruleIds: readonly number[]): Promise<void> {
  await sql`
    with forgotten as (
      update candidate_rule set judged = false where judged and id <> all(${[...ruleIds]}::smallint[]) returning id)
    delete from candidate where rule_id in (select id from forgotten)`.execute(kysely);
}

async function addIndexesOf(kysely: Kysely<CatalogSchema>, like: string, table: string): Promise<void> {
  await sql`set local maintenance_work_mem = '64MB'`.execute(kysely);
  const { rows } = await sql<{ definition: string }>`
    select coalesce(
      'alter table ' || ${table} || ' add ' || pg_get_constraintdef(pg_constraint.oid),
      regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .*? ON .*? USING ', ' INDEX ON ' || ${table} || ' USING ')) as definition
    from pg_index left join pg_constraint on conindid = indexrelid and contype in ('p', 'u')
    where indrelid = ${like}::regclass`.execute(kysely);
  for (const { definition } of rows) await sql.raw(definition).execute(kysely);
}

/**
 * Pages that are staged for an empty catalog, when it still is: their tables take the place of the empty ones, with their
 * indexes, instead of being written a second time. False when there is something to merge with.
 */
async function takePlace(kysely: Kysely<CatalogSchema>, staged: { page: string; candidate: string }): Promise<boolean> {
  const kinds = ['page', 'candidate'] as const;
  const may = async () => {
    const { rows } = await sql<{ may: boolean }>`
      select not exists (select from page) and not exists (select from candidate) and bool_and(relpersistence = 'p') as may
      from pg_class where oid in (${staged.page}::regclass, ${staged.candidate}::regclass)`.execute(kysely);
    return rows[0]!.may;
  };
  if (!(await may())) return false;
  // Nobody may add anything between the look and the exchange.
  await sql`lock table page, candidate in access exclusive mode`.execute(kysely);
  if (!(await may())) return false;
  for (const kind of kinds) {
    const indexes = await sql<{ name: string; staged_name: string }>`
      select named.relname as name, made.relname as staged_name
      from pg_index old
      join pg_class named on named.oid = old.indexrelid
      join pg_index new on new.indrelid = ${staged[kind]}::regclass
        and (new.indisprimary, new.indkey::text, new.indclass::text, pg_get_expr(new.indpred, new.indrelid), pg_get_expr(new.indexprs, new.indrelid))
          is not distinct from (old.indisprimary, old.indkey::text, old.indclass::text, pg_get_expr(old.indpred, old.indrelid), pg_get_expr(old.indexprs, old.indrelid))
      join pg_class made on made.oid = new.indexrelid
      where old.indrelid = ${kind}::regclass`.execute(kysely);
    await sql`drop table ${sql.id(kind)}`.execute(kysely);
    await sql`alter table ${sql.id(staged[kind])} rename to ${sql.id(kind)}`.execute(kysely);
    for (const { name, staged_name } of indexes.rows) {
      await sql`alter index ${sql.id(staged_name)} rename to ${sql.id(name)}`.execute(kysely);
    }
  }
  return true;
}

async function countPages(kysely: Kysely<CatalogSchema>): Promise<MergeCounts> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from page where kept_as = 'rule'`.execute(kysely);
  return { newPageCount: rows[0]!.count, changedPageCount: 0, vanishedPageCount: 0 };
}

async function mergePages(
  kysely: Kysely<CatalogSchema>,
  { page, candidate, ruleIds }: { page: Table; candidate: Table; ruleIds: readonly number[] },
): Promise<MergeCounts> {
  // Before anything changes: pages that are no longer kept for their rows, that are again, and that are gone.
  const before = await sql<{ vanished: number; returned: number; gone: number }>`
    select
      count(*) filter (where page.kept_as = 'rule' and staged.kept_as is distinct from 'rule') as vanished,
      count(*) filter (where page.kept_as <> 'rule' and staged.kept_as = 'rule') as returned,
      count(*) filter (where page.kept_as <> 'former' and staged.kept_as is null) as gone
    from page left join ${page} staged using (page_id)`.execute(kysely);
  const { vanished, returned, gone } = before.rows[0]!;
  // What goes away goes first: there is less to look through then.
  if (gone > 0) {
    await sql`
      update page set kept_as = 'former'
      where kept_as <> 'former' and not exists (select from ${page} staged where staged.page_id = page.page_id)`.execute(
      kysely,
    );
  }
  await sql`
    delete from candidate where rule_id = any(${[...ruleIds]}::smallint[]) and not exists (
      select from ${candidate} staged where staged.rule_id = candidate.rule_id and staged.page_id = candidate.page_id)`.execute(
    kysely,
  );
  // Two statements instead of one with "on conflict", which takes twice as long for pages that are all new.
  const changed = await sql<{ count: number }>`
    with changed as (
    update page set
      item_id = staged.item_id, sequence = staged.sequence, year = staged.year, volume = staged.volume, issue = staged.issue,
      rows = staged.rows, neighbour_ids = staged.neighbour_ids, neighbour_sequences = staged.neighbour_sequences, kept_as = staged.kept_as
    from ${page} staged
    where staged.page_id = page.page_id
      and (page.item_id, page.sequence, page.year, page.volume, page.issue, page.rows, page.neighbour_ids, page.neighbour_sequences, page.kept_as)
      is distinct from (staged.item_id, staged.sequence, staged.year, staged.volume, staged.issue, staged.rows, staged.neighbour_ids, staged.neighbour_sequences, staged.kept_as)
    returning page.kept_as)
    select count(*) as count from changed where kept_as = 'rule'`.execute(kysely);
  const added = await sql<{ count: number }>`
    with added as (
    insert into page (page_id, item_id, sequence, year, volume, issue, rows, neighbour_ids, neighbour_sequences, kept_as)
    select page_id, item_id, sequence, year, volume, issue, rows, neighbour_ids, neighbour_sequences, kept_as
    from ${page} staged where not exists (select from page where page.page_id = staged.page_id)
    returning kept_as)
    select count(*) as count from added where kept_as = 'rule'`.execute(kysely);
  await sql`
    insert into candidate (rule_id, page_id)
    select rule_id, page_id from ${candidate} staged
    where not exists (select from candidate where candidate.rule_id = staged.rule_id and candidate.page_id = staged.page_id)
    order by rule_id, page_id`.execute(kysely);
  return {
    newPageCount: added.rows[0]!.count + returned,
    changedPageCount: changed.rows[0]!.count - returned,
    vanishedPageCount: vanished,
  };
}

async function mergeCreators(kysely: Kysely<CatalogSchema>, creator: Table): Promise<void> {
  await sql`
    with told as (
      select title_id, string_agg(name, '; ' order by line) as creators
      from (select title_id, name, min(line) as line from ${creator} group by title_id, name) creators
      where title_id in (select title_id from title) group by title_id)
    update title set creators = coalesce(told.creators, '')
    from title same left join told using (title_id)
    where title.title_id = same.title_id and title.creators is distinct from coalesce(told.creators, '')`.execute(
    kysely,
  );
}

async function mergeParts(
  kysely: Kysely<CatalogSchema>,
  { page, part, partPage }: { page: Table; part: Table; partPage: Table },
): Promise<void> {
  await sql`
    insert into part (part_id, title, container_title, date, page_range, rights_status, rights_statement, license_name, license_url, rights_holder, reuse)
    select distinct on (part_id) part_id, title, container_title, date, page_range, rights_status, rights_statement, license_name, license_url, rights_holder, reuse
    from ${part}
    where part_id in (select part_id from ${partPage} where page_id in (select page_id from ${page}))
    order by part_id, line
    on conflict (part_id) do update set
      title = excluded.title, container_title = excluded.container_title, date = excluded.date, page_range = excluded.page_range,
      rights_status = excluded.rights_status, rights_statement = excluded.rights_statement, license_name = excluded.license_name,
      license_url = excluded.license_url, rights_holder = excluded.rights_holder, reuse = excluded.reuse
    where (part.title, part.container_title, part.date, part.page_range, part.rights_status, part.rights_statement, part.license_name, part.license_url, part.rights_holder, part.reuse)
      is distinct from (excluded.title, excluded.container_title, excluded.date, excluded.page_range, excluded.rights_status, excluded.rights_statement, excluded.license_name, excluded.license_url, excluded.rights_holder, excluded.reuse)`.execute(
    kysely,
  );
  await sql`
    insert into page_part (page_id, part_id)
    select distinct page_id, part_id from ${partPage}
    where page_id in (select page_id from ${page}) and part_id in (select part_id from part)
    on conflict do nothing`.execute(kysely);
  await sql`
    delete from page_part where page_id in (select page_id from ${page}) and not exists (
      select from ${partPage} staged where staged.page_id = page_part.page_id and staged.part_id = page_part.part_id)`.execute(
    kysely,
  );
}

async function mergeNames(kysely: Kysely<CatalogSchema>, { page, name }: { page: Table; name: Table }): Promise<void> {
  await sql`
    insert into page_name (page_id, names)
    select page_id, array_agg(distinct name order by name) from ${name}
    where page_id in (select page_id from ${page}) group by page_id
    on conflict (page_id) do update set names = excluded.names where page_name.names is distinct from excluded.names`.execute(
    kysely,
  );
  await sql`
    delete from page_name where page_id in (select page_id from ${page})
      and not exists (select from ${name} staged where staged.page_id = page_name.page_id)`.execute(kysely);
}
