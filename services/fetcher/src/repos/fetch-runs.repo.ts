import type { ImageSize } from '@florilegium/bhl';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { FetchRun, FetchRunRequest, PageSelection, RunState } from '../domain/fetch-run.ts';
import type { FailedState } from '../domain/page-state.ts';
import type { FetchRunTable, Schema } from '../schema.ts';

export interface ListingProgress {
  /** The last page seen; the listing goes on after it. */
  afterPageId: number;
  skippedCount: number;
  listedCount: number;
}

/** What is added to the counts of a run; below 0 where pages left a state. */
export interface CountChanges extends Record<FailedState | 'retry_at', number> {
  stored: number;
  fetched: number;
  bytes: number;
}

export interface FetchRunsRepo {
  /** False when a run with this idempotency key is there already. */
  addRun(id: string, request: FetchRunRequest, idempotencyKey: string | undefined): Promise<boolean>;
  /** The same for a run over one page that somebody waits for: listed already, its batch has the number 0. */
  addDemandedRun(id: string, pageId: number, size: ImageSize, idempotencyKey: string): Promise<boolean>;
  findRun(id: string): Promise<FetchRun | undefined>;
  findRunByKey(idempotencyKey: string): Promise<FetchRun | undefined>;
  /** Newest first, those older than run `after`; without those on demand. */
  listRuns(after: string | undefined, limit: number): Promise<FetchRun[]>;
  /** Makes a pending run running, and tells how far its listing has come; undefined when it has ended. */
  beginListing(id: string): Promise<ListingProgress | undefined>;
  /** Moves the listing on and keeps the run's row locked; false when the run has ended or somebody else has moved it. */
  advanceListing(id: string, from: ListingProgress, to: ListingProgress): Promise<boolean>;
  /** The total is known from here on; `unknownCount` pages more are in the run that the catalog does not know. */
  endListing(id: string, unknownCount: number): Promise<void>;
  /** Takes `count` numbers for new batches of the run; the first of them. */
  takeBatchNumbers(id: string, count: number): Promise<number>;
  addCounts(id: string, changes: CountChanges): Promise<void>;
  /** Moves the run if it is in one of `from`; the run as it is then, else undefined. */
  moveRun(id: string, from: readonly RunState[], to: RunState, reason?: string): Promise<FetchRun | undefined>;
  pauseRun(id: string): Promise<FetchRun | undefined>;
  /** A paused run becomes what it was. */
  resumeRun(id: string): Promise<FetchRun | undefined>;
  /** So many pages of an ended run, by the state they had, are open again. */
  reopenRun(id: string, failed: Record<FailedState, number>): Promise<void>;
  /** Deletes runs on demand, with their pages, that ended more than `ageMs` ago, at most `countMax` of them; how many. */
  deleteDemandedRuns(ageMs: number, countMax: number): Promise<number>;
  /** The run, with its row locked until the transaction ends. */
  lockRun(id: string): Promise<FetchRun | undefined>;
}

// The pause that ends is added to those before. A run that never started has no time to count.
const unpaused = {
  paused_at: null,
  paused_ms: sql<number>`paused_ms + case when started_at is null then 0
    else coalesce(extract(epoch from now() - paused_at) * 1000, 0)::bigint end`,
};

export function fetchRunsRepo(kysely: Kysely<Schema>): FetchRunsRepo {
  const one = async (query: { executeTakeFirst(): Promise<Selectable<FetchRunTable> | undefined> }) => {
    const row = await query.executeTakeFirst();
    return row && toRun(row);
  };
  const runs = () => kysely.selectFrom('fetch_run').selectAll();
  return {
    addRun: async (id, { selection, size, startIndex, maxCount, concurrency }, idempotencyKey) => {
      const added = await kysely
        .insertInto('fetch_run')
        .values({
          id,
          idempotency_key: idempotencyKey ?? null,
          size,
          page_set_id: selection.kind === 'page-set' ? selection.pageSetId : null,
          rule: selection.kind === 'rule' ? selection.rule : null,
          page_ids: selection.kind === 'page-ids' ? selection.pageIds : null,
          ids_sha256: selection.kind === 'id-list' ? selection.sha256 : null,
          id_count: selection.kind === 'id-list' ? selection.count : 0,
          start_index: startIndex,
          max_count: maxCount,
          in_flight_max: concurrency === 0 ? null : concurrency,
        })
        .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
        .returning('id')
        .executeTakeFirst();
      return added !== undefined;
    },
    addDemandedRun: async (id, pageId, size, idempotencyKey) => {
      const added = await kysely
        .insertInto('fetch_run')
        .values({
          id,
          idempotency_key: idempotencyKey,
          size,
          page_ids: [pageId],
          start_index: 0,
          max_count: 0,
          on_demand: true,
          state: 'running',
          started_at: sql<Date>`now()`,
          is_listed: true,
          listed_count: 1,
          next_batch: 1,
        })
        .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
        .returning('id')
        .executeTakeFirst();
      return added !== undefined;
    },
    findRun: (id) => one(runs().where('id', '=', id)),
    findRunByKey: (key) => one(runs().where('idempotency_key', '=', key)),
    lockRun: (id) => one(runs().where('id', '=', id).forUpdate()),
    listRuns: async (after, limit) => {
      let query = runs().where('on_demand', '=', false).orderBy('id', 'desc').limit(limit);
      if (after !== undefined) query = query.where('id', '<', after);
      return (await query.execute()).map(toRun);
    },
    beginListing: async (id) => {
      const row = await kysely
        .updateTable('fetch_run')
        .set({ state: 'running', started_at: sql<Date>`coalesce(started_at, now())` })
        .where('id', '=', id)
        .where('state', 'in', ['pending', 'running'])
        .returning(['listed_after', 'skipped_count', 'listed_count'])
        .executeTakeFirst();
      return (
        row && {
          afterPageId: row.listed_after,
          skippedCount: row.skipped_count,
          listedCount: row.listed_count,
        }
      );
    },
    advanceListing: async (id, from, to) => {
      const { numUpdatedRows } = await kysely
        .updateTable('fetch_run')
        .set({ listed_after: to.afterPageId, skipped_count: to.skippedCount, listed_count: to.listedCount })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .where('listed_after', '=', from.afterPageId)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    endListing: async (id, unknownCount) => {
      await kysely
        .updateTable('fetch_run')
        .set((eb) => ({
          is_listed: true,
          listed_count: eb('listed_count', '+', unknownCount),
          failed_count: eb('failed_count', '+', unknownCount),
          missing_count: eb('missing_count', '+', unknownCount),
        }))
        .where('id', '=', id)
        .where('is_listed', '=', false)
        .execute();
    },
    takeBatchNumbers: async (id, count) => {
      const row = await kysely
        .updateTable('fetch_run')
        .set((eb) => ({ next_batch: eb('next_batch', '+', count) }))
        .where('id', '=', id)
        .returning('next_batch')
        .executeTakeFirstOrThrow();
      return row.next_batch - count;
    },
    addCounts: async (id, { stored, fetched, bytes, retry_at, missing, placeholder, corrupt, blocked }) => {
      await kysely
        .updateTable('fetch_run')
        .set((eb) => ({
          stored_count: eb('stored_count', '+', stored),
          failed_count: eb('failed_count', '+', missing + placeholder + corrupt + blocked),
          retry_at_count: eb('retry_at_count', '+', retry_at),
          missing_count: eb('missing_count', '+', missing),
          placeholder_count: eb('placeholder_count', '+', placeholder),
          corrupt_count: eb('corrupt_count', '+', corrupt),
          blocked_count: eb('blocked_count', '+', blocked),
          fetched_count: eb('fetched_count', '+', fetched),
          bytes: eb('bytes', '+', bytes),
        }))
        .where('id', '=', id)
        .execute();
    },
    moveRun: (id, from, to, reason) =>
      one(
        kysely
          .updateTable('fetch_run')
          .set({
            state: to,
            reason: reason ?? null,
            ended_at: to === 'running' ? null : sql<Date>`now()`,
            ...unpaused,
          })
          .where('id', '=', id)
          .where('state', 'in', from)
          .returningAll(),
      ),
    pauseRun: (id) =>
      one(
        kysely
          .updateTable('fetch_run')
          .set({ state: 'paused', paused_at: sql<Date>`now()` })
          .where('id', '=', id)
          .where('state', 'in', ['pending', 'running'])
          .returningAll(),
      ),
    resumeRun: (id) =>
      one(
        kysely
          .updateTable('fetch_run')
          .set({ state: sql<RunState>`case when started_at is null then 'pending' else 'running' end`, ...unpaused })
          .where('id', '=', id)
          .where('state', '=', 'paused')
          .returningAll(),
      ),
    reopenRun: async (id, { missing, placeholder, corrupt, blocked }) => {
      await kysely
        .updateTable('fetch_run')
        .set((eb) => ({
          state: 'running',
          reason: null,
          ended_at: null,
          // Between its end and now nothing was done.
          paused_ms: sql<number>`paused_ms + case when started_at is null then 0
            else coalesce(extract(epoch from now() - ended_at) * 1000, 0)::bigint end`,
          failed_count: eb('failed_count', '-', missing + placeholder + corrupt + blocked),
          missing_count: eb('missing_count', '-', missing),
          placeholder_count: eb('placeholder_count', '-', placeholder),
          corrupt_count: eb('corrupt_count', '-', corrupt),
          blocked_count: eb('blocked_count', '-', blocked),
        }))
        .where('id', '=', id)
        .execute();
    },
    deleteDemandedRuns: async (ageMs, countMax) => {
      // One statement, so that a run goes with its pages and batches or stays; rows that another replica is deleting are passed by.
      const { rows } = await sql<{ count: number }>`
        with old as (
          select id from fetch_run
          where on_demand and ended_at < now() - ${ageMs}::float8 * interval '1 millisecond'
          order by ended_at limit ${countMax} for update skip locked
        ), pages as (
          delete from fetch_page using old where fetch_page.run_id = old.id
        ), batches as (
          delete from work_batch using old where work_batch.run_id = old.id
        ), runs as (
          delete from fetch_run using old where fetch_run.id = old.id returning 1
        ) select count(*)::int as count from runs`.execute(kysely);
      return rows[0]!.count;
    },
  };
}

function toRun(row: Selectable<FetchRunTable>): FetchRun {
  return {
    id: row.id,
    state: row.state,
    reason: row.reason ?? '',
    selection: toSelection(row),
    size: row.size,
    startIndex: row.start_index,
    maxCount: row.max_count,
    concurrency: row.in_flight_max ?? 0,
    totalCount: row.is_listed ? row.listed_count : 0,
    storedCount: row.stored_count,
    failedCount: row.failed_count,
    countOf: {
      retry_at: row.retry_at_count,
      missing: row.missing_count,
      placeholder: row.placeholder_count,
      corrupt: row.corrupt_count,
      blocked: row.blocked_count,
    },
    fetchedCount: row.fetched_count,
    bytes: row.bytes,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    pausedAt: row.paused_at,
    pausedMs: row.paused_ms,
    onDemand: row.on_demand,
  };
}

function toSelection(row: Selectable<FetchRunTable>): PageSelection {
  if (row.page_set_id !== null) return { kind: 'page-set', pageSetId: row.page_set_id };
  if (row.rule !== null) return { kind: 'rule', rule: row.rule };
  if (row.ids_sha256 !== null) return { kind: 'id-list', sha256: row.ids_sha256, count: row.id_count };
  return { kind: 'page-ids', pageIds: row.page_ids ?? [] };
}
