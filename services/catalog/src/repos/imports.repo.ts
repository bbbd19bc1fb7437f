import { type Kysely, type Selectable, sql } from 'kysely';
import type { BadLineReport, ExportCounts, ImportPhase, ImportRun, StagedExport } from '../domain/import-run.ts';
import type { RowTest } from '../domain/kept-rows.ts';
import type { CatalogSchema } from '../schema.ts';

export interface MergeCounts {
  newPageCount: number;
  changedPageCount: number;
  vanishedPageCount: number;
}

export interface ReadSoFar {
  phase: ImportPhase;
  doneBytes: number;
  totalBytes: number;
  rowCount: number;
  bytesPerSecond: number;
  /** Undefined where it says nothing new. */
  rowsPerSecond: number | undefined;
}

export interface ImportsRepo {
  /** Adds a pending import, or gives the one that has the key already. */
  addImport(run: {
    id: string;
    source: string;
    withNames: boolean;
    idempotencyKey: string | null;
  }): Promise<{ run: ImportRun; isNew: boolean }>;
  findImport(id: string): Promise<ImportRun | undefined>;
  /** Newest first, older than `before`. */
  listImports(before: string | undefined, limit: number): Promise<ImportRun[]>;
  findBadLines(id: string): Promise<BadLineReport[] | undefined>;
  /** Marks a pending import as running; undefined when it has ended. */
  beginImport(id: string): Promise<ImportRun | undefined>;
  findStaged(id: string): Promise<StagedExport | undefined>;
  saveStaged(id: string, staged: StagedExport): Promise<void>;
  /** Forgets what this attempt has staged; what another has stays. */
  forgetStaged(id: string, attempt: number): Promise<void>;
  updateProgress(id: string, progress: ReadSoFar): Promise<void>;
  /** What was bad so far in an import that goes no further. */
  saveBadLines(id: string, bad: Pick<ExportCounts, 'badLineCount' | 'badLines'>): Promise<void>;
  finishImport(id: string, counts: ExportCounts & MergeCounts & { keptBy: readonly RowTest[] }): Promise<void>;
  /** The row tests of the newest import that is done; undefined before the first. */
  findKeptBy(): Promise<RowTest[] | undefined>;
  /** Pages of the newest import that is done which no rule keeps; undefined before the first. */
  countOutside(): Promise<number | undefined>;
  /** False when the import has ended already. */
  endImport(id: string, end: { state: 'failed' | 'cancelled'; reason: string | null }): Promise<boolean>;
}

export function importsRepo(kysely: Kysely<CatalogSchema>): ImportsRepo {
  const one = async (id: string) => {
    const row = await kysely.selectFrom('import').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toImport(row);
  };
  return {
    addImport: async ({ id, source, withNames, idempotencyKey }) => {
      const added = await kysely
        .insertInto('import')
        .values({ id, source, with_names: withNames, idempotency_key: idempotencyKey })
        .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
        .returningAll()
        .executeTakeFirst();
      if (added) return { run: toImport(added), isNew: true };
      const known = await kysely
        .selectFrom('import')
        .selectAll()
        .where('idempotency_key', '=', idempotencyKey)
        .executeTakeFirstOrThrow();
      return { run: toImport(known), isNew: false };
    },
    findImport: one,
    listImports: async (before, limit) => {
      const rows = await kysely
        .selectFrom('import')
        .selectAll()
        .$if(before !== undefined, (query) => query.where('id', '<', before!))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(toImport);
    },
    findBadLines: async (id) => {
      const row = await kysely.selectFrom('import').select('bad_lines').where('id', '=', id).executeTakeFirst();
      return row?.bad_lines;
    },
    beginImport: async (id) => {
      const row = await kysely
        .updateTable('import')
        .set(({ fn, ref, val }) => ({
          state: 'running',
          started_at: fn.coalesce(ref('started_at'), val(new Date())),
        }))
        .where('id', '=', id)
        .where('state', 'in', ['pending', 'running'])
        .returningAll()
        .executeTakeFirst();
      return row && toImport(row);
    },
    findStaged: async (id) => {
      const row = await kysely.selectFrom('import').select('staged').where('id', '=', id).executeTakeFirst();
      return row?.staged ?? undefined;
    },
    saveStaged: async (id, staged) => {
      await kysely
        .updateTable('import')
        .set({ staged: JSON.stringify(staged) })
        .where('id', '=', id)
        .execute();
    },
    forgetStaged: async (id, attempt) => {
      await kysely
        .updateTable('import')
        .set({ staged: null })
        .where('id', '=', id)
        .where(sql<boolean>`(staged ->> 'attempt')::integer = ${attempt}`)
        .execute();
    },
    updateProgress: async (id, { phase, doneBytes, totalBytes, rowCount, bytesPerSecond, rowsPerSecond }) => {
      await kysely
        .updateTable('import')
        .set({
          phase,
          done_bytes: doneBytes,
          total_bytes: totalBytes,
          row_count: rowCount,
          bytes_per_second: bytesPerSecond,
          ...(rowsPerSecond === undefined ? {} : { rows_per_second: rowsPerSecond }),
        })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .execute();
    },
    saveBadLines: async (id, { badLineCount, badLines }) => {
      await kysely
        .updateTable('import')
        .set({ bad_line_count: badLineCount, bad_lines: JSON.stringify(badLines) })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .execute();
    },
    finishImport: async (id, counts) => {
      await kysely
        .updateTable('import')
        .set(({ ref }) => ({
          state: 'done',
          phase: 'merging',
          ended_at: new Date(),
          done_bytes: ref('total_bytes'),
          row_count: counts.rowCount,
          page_count: counts.pageCount,
          bad_line_count: counts.badLineCount,
          bad_lines: JSON.stringify(counts.badLines),
          type_counts: JSON.stringify(counts.typeCounts),
          outside_type_counts: JSON.stringify(counts.outsideTypeCounts),
          kept_page_count: counts.keptPageCount,
          new_page_count: counts.newPageCount,
          changed_page_count: counts.changedPageCount,
          vanished_page_count: counts.vanishedPageCount,
          candidate_counts: JSON.stringify(counts.candidateCounts),
          kept_by: JSON.stringify(counts.keptBy),
          staged: null,
        }))
        .where('id', '=', id)
        .execute();
    },
    findKeptBy: async () => {
      const row = await kysely
        .selectFrom('import')
        .select('kept_by')
        .where('state', '=', 'done')
        .orderBy('ended_at', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row?.kept_by;
    },
    countOutside: async () => {
      const row = await kysely
        .selectFrom('import')
        .select(['page_count', 'kept_page_count'])
        .where('state', '=', 'done')
        .orderBy('ended_at', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && row.page_count - row.kept_page_count;
    },
    endImport: async (id, { state, reason }) => {
      const { numUpdatedRows } = await kysely
        .updateTable('import')
        .set({ state, reason, ended_at: new Date(), staged: null })
        .where('id', '=', id)
        .where('state', 'in', ['pending', 'running'])
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
  };
}

function toImport(row: Selectable<CatalogSchema['import']>): ImportRun {
  return {
    id: row.id,
    source: row.source,
    withNames: row.with_names,
    state: row.state,
    doneCount: row.done_bytes,
    totalCount: row.total_bytes,
    reason: row.reason,
    phase: row.phase,
    bytesPerSecond: row.bytes_per_second,
    rowsPerSecond: row.rows_per_second,
    rowCount: row.row_count,
    pageCount: row.page_count,
    keptPageCount: row.kept_page_count,
    badLineCount: row.bad_line_count,
    newPageCount: row.new_page_count,
    changedPageCount: row.changed_page_count,
    vanishedPageCount: row.vanished_page_count,
    candidateCounts: row.candidate_counts,
    typeCounts: row.type_counts,
    outsideTypeCounts: row.outside_type_counts,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}
