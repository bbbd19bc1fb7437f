import type { Db, Tx } from '@florilegium/db';
import { sql } from 'kysely';
import { lockBatchesOf } from './work-table.ts';

export interface Claim {
  runId: string;
  kind: string;
  number: number;
  attempt: number;
  /** Tries that failed, but for those that a server behind was away for. */
  failures: number;
  /** Tries that failed because a server behind was away. */
  unavailableFailures: number;
  /** Claims of the batch that nobody heard the end of. */
  takenOver: number;
  /** The worker and its claim: two claims never have the same, even where a retried run counts its attempts from the start. */
  claimedBy: string;
  payload: Record<string, unknown>;
}

export type ClaimResult = { kind: 'claimed'; claim: Claim } | { kind: 'ended' } | { kind: 'busy'; waitMs: number };

export interface BatchesRepo<Schema> {
  claimBatch(runId: string, kind: string, number: number, claimedBy: string): Promise<ClaimResult>;
  /** False when the claim is lost: taken over, cancelled or ended. */
  beat(claim: Claim): Promise<boolean>;
  /** Marks the batch done in `tx` and tells whether it was the last of the run; undefined when the claim is lost. */
  finish(tx: Tx<Schema>, claim: Claim): Promise<{ isLast: boolean } | undefined>;
  /** Gives the batch back for a later try. */
  release(claim: Claim, failure: { error: string; delayMs: number; isAway: boolean } | undefined): Promise<void>;
  fail(tx: Tx<Schema>, claim: Claim, error: string): Promise<boolean>;
  /** Batches whose message may be lost, marked as queued now. */
  takeForgotten(
    kinds: readonly string[],
    olderThanMs: number,
    limit: number,
  ): Promise<{ runId: string; kind: string; number: number }[]>;
}

export function batchesRepo<Schema>(db: Db<Schema>, staleMs: number): BatchesRepo<Schema> {
  const stale = sql`(heartbeat_at is null or heartbeat_at < now() - ${staleMs} * interval '1 millisecond')`;
  const held = (claim: Claim) =>
    sql`run_id = ${claim.runId} and kind = ${claim.kind} and number = ${claim.number} 
      and attempt = ${claim.attempt} and claimed_by = ${claim.claimedBy} and state = 'running'`;
  return {
    claimBatch: async (runId, kind, number, claimedBy) => {
      const { rows } = await sql<Omit<Claim, 'runId' | 'kind' | 'number' | 'claimedBy'>>`
        update work_batch set state = 'running', attempt = attempt + 1, claimed_by = ${claimedBy}, heartbeat_at = now(),
          taken_over = taken_over + (state = 'running')::int
        where run_id = ${runId} and kind = ${kind} and number = ${number}
          and ((state = 'pending' and coalesce(not_before, '-infinity') <= now()) or (state = 'running' and ${stale}))
        returning attempt, failures, unavailable_failures as "unavailableFailures", taken_over as "takenOver", payload`.execute(
        db.kysely,
      );
      if (rows[0]) return { kind: 'claimed', claim: { runId, kind, number, claimedBy, ...rows[0] } };
      const found = await sql<{ state: string; wait_ms: number }>`
        select state, ceil(extract(epoch from coalesce(not_before, heartbeat_at + ${staleMs} * interval '1 millisecond') - now()) * 1000)::int as wait_ms
        from work_batch where run_id = ${runId} and kind = ${kind} and number = ${number}`.execute(db.kysely);
      const row = found.rows[0];
      if (!row || row.state === 'done' || row.state === 'failed' || row.state === 'cancelled') return { kind: 'ended' };
      return { kind: 'busy', waitMs: Math.max(200, row.wait_ms ?? 0) };
    },
    beat: async (claim) => {
      const { rows } = await sql`update work_batch set heartbeat_at = now() where ${held(claim)} returning 1`.execute(
        db.kysely,
      );
      return rows.length > 0;
    },
    finish: async ({ kysely }, claim) => {
      await lockBatchesOf(kysely, claim.runId);
      const { rows } =
        await sql`update work_batch set state = 'done', heartbeat_at = null, error = null where ${held(claim)} returning 1`.execute(
          kysely,
        );
      if (rows.length === 0) return undefined;
      const left = await sql`
        select 1 from work_batch where run_id = ${claim.runId} and state in ('pending', 'running') limit 1`.execute(
        kysely,
      );
      return { isLast: left.rows.length === 0 };
    },
    release: async (claim, failure) => {
      await sql`
        update work_batch set state = 'pending', heartbeat_at = null, queued_at = now(),
          failures = failures + ${failure && !failure.isAway ? 1 : 0},
          unavailable_failures = unavailable_failures + ${failure?.isAway ? 1 : 0}, error = ${failure?.error ?? null},
          not_before = now() + ${failure?.delayMs ?? 0} * interval '1 millisecond'
        where ${held(claim)}`.execute(db.kysely);
    },
    fail: async ({ kysely }, claim, error) => {
      await lockBatchesOf(kysely, claim.runId);
      const { rows } = await sql`
        update work_batch set state = 'failed', failures = failures + 1, heartbeat_at = null, error = ${error} where ${held(claim)} returning 1`.execute(
        kysely,
      );
      return rows.length > 0;
    },
    takeForgotten: async (kinds, olderThanMs, limit) => {
      const { rows } = await sql<{ runId: string; kind: string; number: number }>`
        update work_batch set queued_at = now()
        where (run_id, kind, number) in (
          select run_id, kind, number from work_batch
          where kind = any(${kinds}::text[]) and queued_at < now() - ${olderThanMs} * interval '1 millisecond'
            and ((state = 'pending' and coalesce(not_before, '-infinity') <= now()) or (state = 'running' and ${stale}))
          order by queued_at limit ${limit} for update skip locked)
        returning run_id as "runId", kind, number`.execute(db.kysely);
      return rows;
    },
  };
}
