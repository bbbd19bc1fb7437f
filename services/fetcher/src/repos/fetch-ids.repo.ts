import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

/** Ids that a caller streams for a run, kept from the first of them until the run's pages are listed. */
export interface FetchIdsRepo {
  /** Adds ids; one that is there stays. */
  addIds(runId: string, pageIds: readonly number[]): Promise<void>;
  /** Keeps `maxCount` (0 for all) of the ids in ascending order from `startIndex` on; how many. */
  cutIds(runId: string, startIndex: number, maxCount: number): Promise<number>;
  /** In ascending order, those above `after`. */
  readIds(runId: string, after: number, limit: number): Promise<number[]>;
  deleteIds(runId: string): Promise<void>;
  /** Deletes ids of runs that began to be streamed more than `ageMs` ago and never came to be, or have ended. */
  deleteForgottenIds(ageMs: number): Promise<void>;
}

export function fetchIdsRepo(kysely: Kysely<Schema>): FetchIdsRepo {
  return {
    addIds: async (runId, pageIds) => {
      await sql`
        insert into fetch_id (run_id, page_id) select ${runId}::uuid, unnest(${pageIds}::int[])
        on conflict do nothing`.execute(kysely);
    },
    cutIds: async (runId, startIndex, maxCount) => {
      if (startIndex > 0 || maxCount > 0)
        await sql`
          delete from fetch_id using (
            select page_id, row_number() over (order by page_id) - 1 as place from fetch_id where run_id = ${runId}
          ) placed
          where fetch_id.run_id = ${runId} and fetch_id.page_id = placed.page_id
            and (placed.place < ${startIndex}::bigint
              or (${maxCount}::bigint > 0 and placed.place >= ${startIndex}::bigint + ${maxCount}::bigint))`.execute(
          kysely,
        );
      const { rows } = await sql<{ count: number }>`
        select count(*)::int as count from fetch_id where run_id = ${runId}`.execute(kysely);
      return rows[0]!.count;
    },
    readIds: async (runId, after, limit) => {
      const rows = await kysely
        .selectFrom('fetch_id')
        .select('page_id')
        .where('run_id', '=', runId)
        .where('page_id', '>', after)
        .orderBy('page_id')
        .limit(limit)
        .execute();
      return rows.map((row) => row.page_id);
    },
    deleteIds: async (runId) => {
      await kysely.deleteFrom('fetch_id').where('run_id', '=', runId).execute();
    },
    deleteForgottenIds: async (ageMs) => {
      // The id of a run is a UUIDv7, whose first 48 bits are the milliseconds at which it was made.
      const oldest = Math.floor(Date.now() - ageMs)
        .toString(16)
        .padStart(12, '0');
      const bound = `${oldest.slice(0, 8)}-${oldest.slice(8)}-7000-8000-000000000000`;
      await sql`
        delete from fetch_id where run_id < ${bound}::uuid and not exists (
          select from fetch_run where fetch_run.id = fetch_id.run_id and state in ('pending', 'running', 'paused', 'failed')
        )`.execute(kysely);
    },
  };
}
