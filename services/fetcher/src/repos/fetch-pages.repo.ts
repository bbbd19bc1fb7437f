import type { ImagePage, ImageSize } from '@florilegium/bhl';
import { type Kysely, sql } from 'kysely';
import type { StoredImage } from '../domain/image.ts';
import { type FailedState, failedStates, type PageMove, type PageState } from '../domain/page-state.ts';
import type { Schema } from '../schema.ts';

export interface ListedPage extends ImagePage {
  batchNumber: number;
}

export interface OpenPage extends ImagePage {
  faults: number;
  corruptRounds: number;
  waits: number;
  /** Milliseconds until the page may be asked for again; 0 when it may now. */
  dueInMs: number;
  /** Its image, where one is stored already. */
  stored: Pick<StoredImage, 'sha256' | 'format' | 'bytes'> | undefined;
  rejectedSha256: string | undefined;
}

export interface RunPage {
  pageId: number;
  state: PageState;
  detail: string;
}

export interface FetchPagesRepo {
  /** Adds pages to a run; one that is there stays as it is. */
  addPages(runId: string, pages: readonly ListedPage[]): Promise<void>;
  /** Of the ids, adds those that are not in the run, as missing; how many. */
  addUnknownPages(runId: string, pageIds: readonly number[]): Promise<number>;
  /** The same for the ids that were streamed for the run, which are forgotten with it. */
  addUnknownIds(runId: string): Promise<number>;
  /** Pages of a batch that are neither stored nor failed, in ascending PageID. */
  openPagesOf(runId: string, batchNumber: number, size: ImageSize): Promise<OpenPage[]>;
  /** Writes moves of open pages and gives back those that were open, with the state they had: the others have been moved by somebody else. */
  movePages(
    runId: string,
    moves: readonly ({ pageId: number } & PageMove)[],
  ): Promise<Map<number, 'pending' | 'retry_at'>>;
  storedPageIdsOf(runId: string, batchNumber: number): Promise<number[]>;
  /** Open pages of a batch, and milliseconds until the last of them is due. */
  waitingOf(runId: string, batchNumber: number): Promise<{ count: number; dueInMs: number }>;
  moveWaitingTo(runId: string, batchNumber: number, newBatchNumber: number): Promise<void>;
  /** Failed pages that may be tried again, by state; those that the catalog does not know may not. */
  countFailed(runId: string): Promise<Record<FailedState, number>>;
  /** Failed pages become pending in new batches of `pagesPerBatch` from `firstBatch` on. */
  reopenFailed(runId: string, firstBatch: number, pagesPerBatch: number): Promise<void>;
  listPages(runId: string, state: PageState | undefined, after: number, limit: number): Promise<RunPage[]>;
}

export function fetchPagesRepo(kysely: Kysely<Schema>): FetchPagesRepo {
  const failed = sql.join(failedStates);
  return {
    addPages: async (runId, pages) => {
      await sql`
        insert into fetch_page (run_id, page_id, batch_number, bar_code, sequence)
        select ${runId}::uuid, * from unnest(
          ${pages.map((page) => page.pageId)}::int[], ${pages.map((page) => page.batchNumber)}::int[],
          ${pages.map((page) => page.barCode)}::text[], ${pages.map((page) => page.sequence)}::int[])
        on conflict do nothing`.execute(kysely);
    },
    addUnknownPages: async (runId, pageIds) => {
      const { numAffectedRows } = await sql`
        insert into fetch_page (run_id, page_id, batch_number, bar_code, sequence, state, detail)
        select ${runId}::uuid, id, -1, '', 0, 'missing', 'the catalog does not know this page'
        from unnest(${pageIds}::int[]) as id
        on conflict do nothing`.execute(kysely);
      return Number(numAffectedRows ?? 0n);
    },
    addUnknownIds: async (runId) => {
      const { rows } = await sql<{ count: number }>`
        with given as (delete from fetch_id where run_id = ${runId} returning page_id),
        added as (
          insert into fetch_page (run_id, page_id, batch_number, bar_code, sequence, state, detail)
          select ${runId}::uuid, page_id, -1, '', 0, 'missing', 'the catalog does not know this page' from given
          on conflict do nothing returning 1
        ) select count(*)::int as count from added`.execute(kysely);
      return rows[0]!.count;
    },
    openPagesOf: async (runId, batchNumber, size) => {
      const { rows } = await sql<{
        pageId: number;
        barCode: string;
        sequence: number;
        faults: number;
        corruptRounds: number;
        waits: number;
        dueInMs: number;
        sha256: string | null;
        format: StoredImage['format'];
        bytes: number;
        rejectedSha256: string | null;
      }>`
        select page.page_id as "pageId", page.bar_code as "barCode", page.sequence, page.faults, page.corrupt_rounds as "corruptRounds", page.waits,
          greatest(0, ceil(extract(epoch from coalesce(page.retry_at - now(), '0')) * 1000))::float8 as "dueInMs",
          case when image.state = 'stored' then image.sha256 end as sha256, image.format, image.bytes,
          image.rejected_sha256 as "rejectedSha256"
        from fetch_page page left join image on image.page_id = page.page_id and image.size = ${size}
        where page.run_id = ${runId} and page.batch_number = ${batchNumber} and page.state in ('pending', 'retry_at')
        order by page.page_id`.execute(kysely);
      return rows.map(({ sha256, format, bytes, rejectedSha256, ...page }) => ({
        ...page,
        stored: sha256 === null ? undefined : { sha256, format, bytes },
        rejectedSha256: rejectedSha256 ?? undefined,
      }));
    },
    movePages: async (runId, moves) => {
      const { rows } = await sql<{ page_id: number; state: 'pending' | 'retry_at' }>`
        with open as (
          select page_id, state from fetch_page
          where run_id = ${runId} and page_id = any(${moves.map((move) => move.pageId)}::int[]) and state in ('pending', 'retry_at')
          order by page_id for update
        )
        update fetch_page page
        set state = move.state, detail = move.detail, faults = move.faults, corrupt_rounds = move.corrupt_rounds,
          waits = move.waits, retry_at = now() + move.retry_in_ms * interval '1 millisecond'
        from unnest(
          ${moves.map((move) => move.pageId)}::int[], ${moves.map((move) => move.state)}::text[],
          ${moves.map((move) => move.detail)}::text[], ${moves.map((move) => move.faults)}::int[],
          ${moves.map((move) => move.corruptRounds)}::int[], ${moves.map((move) => move.waits)}::int[], ${moves.map((move) => move.retryInMs ?? null)}::float8[]
        ) as move (page_id, state, detail, faults, corrupt_rounds, waits, retry_in_ms)
        join open on open.page_id = move.page_id
        where page.run_id = ${runId} and page.page_id = open.page_id
        returning page.page_id, open.state`.execute(kysely);
      return new Map(rows.map((row) => [row.page_id, row.state]));
    },
    storedPageIdsOf: async (runId, batchNumber) => {
      const rows = await kysely
        .selectFrom('fetch_page')
        .select('page_id')
        .where('run_id', '=', runId)
        .where('batch_number', '=', batchNumber)
        .where('state', '=', 'stored')
        .orderBy('page_id')
        .execute();
      return rows.map((row) => row.page_id);
    },
    waitingOf: async (runId, batchNumber) => {
      const { rows } = await sql<{ count: number; due: number | null }>`
        select count(*)::int as count, (extract(epoch from max(retry_at) - now()) * 1000)::float8 as due from fetch_page
        where run_id = ${runId} and batch_number = ${batchNumber} and state in ('pending', 'retry_at')`.execute(kysely);
      return { count: rows[0]!.count, dueInMs: Math.max(rows[0]!.due ?? 0, 0) };
    },
    moveWaitingTo: async (runId, batchNumber, newBatchNumber) => {
      await kysely
        .updateTable('fetch_page')
        .set({ batch_number: newBatchNumber })
        .where('run_id', '=', runId)
        .where('batch_number', '=', batchNumber)
        .where('state', 'in', ['pending', 'retry_at'])
        .execute();
    },
    countFailed: async (runId) => {
      const { rows } = await sql<{ state: FailedState; count: number }>`
        select state, count(*)::int as count from fetch_page
        where run_id = ${runId} and state in (${failed}) and bar_code <> '' group by state`.execute(kysely);
      const counts = { missing: 0, placeholder: 0, corrupt: 0, blocked: 0 };
      for (const { state, count } of rows) counts[state] = count;
      return counts;
    },
    reopenFailed: async (runId, firstBatch, pagesPerBatch) => {
      await sql`
        update fetch_page page
        set state = 'pending', faults = 0, corrupt_rounds = 0, waits = 0, retry_at = null, detail = '',
          batch_number = ${firstBatch}::int + (open.place / ${pagesPerBatch}::int)::int
        from (
          select page_id, row_number() over (order by page_id) - 1 as place from fetch_page
          where run_id = ${runId} and state in (${failed}) and bar_code <> ''
        ) open
        where page.run_id = ${runId} and page.page_id = open.page_id`.execute(kysely);
    },
    listPages: async (runId, state, after, limit) => {
      let query = kysely
        .selectFrom('fetch_page')
        .select(['page_id as pageId', 'state', 'detail'])
        .where('run_id', '=', runId)
        .where('page_id', '>', after)
        .orderBy('page_id')
        .limit(limit);
      if (state !== undefined) query = query.where('state', '=', state);
      return await query.execute();
    },
  };
}
