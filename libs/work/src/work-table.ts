import { addToOutbox } from '@florilegium/db';
import { type Kysely, sql } from 'kysely';

/**
 * States of a batch and the moves between them:
 *
 *     pending --claim--> running --complete--> done
 *        ^                  |  \--failure, no tries left--> failed
 *        |                  |
 *        \--failure, tries left; heartbeat stale: the next claim takes it over
 *
 *     pending | running --cancel--> cancelled
 *
 * A claim raises `attempt` and signs with a name of its own; whoever completes must still hold that claim, so a worker that was taken for
 * dead changes nothing.
 */
export const batchStates = ['pending', 'running', 'done', 'failed', 'cancelled'] as const;
export type BatchState = (typeof batchStates)[number];

/** Makes the table of work batches; called by a service's first migration, in that service's schema. */
export async function createWorkTable(kysely: Kysely<unknown>): Promise<void> {
  await sql`
    create table work_batch (
      run_id uuid not null,
      kind text not null,
      number integer not null,
      state text not null default 'pending' check (state in ('pending', 'running', 'done', 'failed', 'cancelled')),
      payload jsonb not null default '{}',
      attempt integer not null default 0,
      failures integer not null default 0,
      claimed_by text,
      heartbeat_at timestamptz,
      not_before timestamptz,
      queued_at timestamptz not null default now(),
      error text,
      primary key (run_id, kind, number)
    )`.execute(kysely);
  await sql`create index work_batch_unfinished on work_batch (kind, queued_at) where state in ('pending', 'running')`.execute(
    kysely,
  );
}

/**
 * For a migration after the one that made the table: failures are counted by what they say, claims that nobody heard the end of by themselves,
 * and whether a run has batches left is asked of an index.
 */
export async function addPatienceToWorkTable(kysely: Kysely<unknown>): Promise<void> {
  await sql`
    alter table work_batch
      add column unavailable_failures integer not null default 0,
      add column taken_over integer not null default 0`.execute(kysely);
  await sql`create index work_batch_unfinished_of_run on work_batch (run_id) where state in ('pending', 'running')`.execute(
    kysely,
  );
}

export interface BatchPlan {
  number: number;
  /** Small facts of the batch, such as its range of ids; never a list that grows with the pages. */
  payload?: Record<string, unknown>;
  /** No worker takes it earlier. */
  notBefore?: Date;
}

export interface EnqueueOptions {
  service: string;
  kind: string;
  runId: string;
  batches: readonly BatchPlan[];
}

export const workSubject = (service: string, kind: string) => `florilegium-work.${service}.${kind}`;
export const workMessage = (runId: string, number: number) => Buffer.from(JSON.stringify({ runId, number }));

/** Adds batches and their work messages in the caller's transaction. A batch that is there already stays as it is. */
export async function enqueueBatches<Schema>(
  kysely: Kysely<Schema>,
  { service, kind, runId, batches }: EnqueueOptions,
): Promise<void> {
  for (let start = 0; start < batches.length; start += 1000) {
    const part = batches.slice(start, start + 1000);
    const rows = part.map(
      (batch) =>
        sql`(${runId}::uuid, ${kind}, ${batch.number}::int, ${JSON.stringify(batch.payload ?? {})}::jsonb, ${batch.notBefore ?? null}::timestamptz)`,
    );
    const { rows: added } = await sql<{ number: number }>`
      insert into work_batch (run_id, kind, number, payload, not_before) values ${sql.join(rows)}
      on conflict do nothing returning number`.execute(kysely);
    await addToOutbox(
      kysely,
      added.map(({ number }) => ({ subject: workSubject(service, kind), payload: workMessage(runId, number) })),
    );
  }
}

/**
 * Ends what is left of a run; workers that hold a batch see it at their next heartbeat and stop. Call it before the transaction locks the
 * run's own row: that is the order in which a batch completes, and in the other order the two may wait for each other.
 */
export async function cancelBatches<Schema>(kysely: Kysely<Schema>, runId: string): Promise<void> {
  await lockBatchesOf(kysely, runId);
  await sql`update work_batch set state = 'cancelled' where run_id = ${runId} and state in ('pending', 'running')`.execute(
    kysely,
  );
}

/** Until the transaction ends no other batch of the run ends, so that exactly one of them sees that nothing is left. */
export async function lockBatchesOf<Schema>(kysely: Kysely<Schema>, runId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${runId}, 0))`.execute(kysely);
}

/** Failed batches of a run become pending again, with fresh tries, and are queued. */
export async function retryFailedBatches<Schema>(
  kysely: Kysely<Schema>,
  service: string,
  runId: string,
): Promise<number> {
  const { rows } = await sql<{ kind: string; number: number }>`
    update work_batch set state = 'pending', failures = 0, unavailable_failures = 0, taken_over = 0, attempt = 0,
      error = null, not_before = null, queued_at = now()
    where run_id = ${runId} and state in ('failed', 'cancelled') returning kind, number`.execute(kysely);
  await addToOutbox(
    kysely,
    rows.map(({ kind, number }) => ({ subject: workSubject(service, kind), payload: workMessage(runId, number) })),
  );
  return rows.length;
}

export type BatchCounts = Record<BatchState, number>;

/** How many batches of a run are in each state. */
export async function countBatches<Schema>(kysely: Kysely<Schema>, runId: string): Promise<BatchCounts> {
  const { rows } = await sql<{ state: BatchState; count: number }>`
    select state, count(*)::int as count from work_batch where run_id = ${runId} group by state`.execute(kysely);
  const counts = { pending: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
  for (const { state, count } of rows) counts[state] = count;
  return counts;
}
