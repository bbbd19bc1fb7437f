import { messageOf } from '@florilegium/errors';
import { type Log, logContext } from '@florilegium/log';
import { type Kysely, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Db } from './open-db.ts';

/**
 * The transactional outbox: a state change and the messages that tell of it are one transaction; the relay publishes each row
 * with the row's id as message id, then deletes it. A crash between the two publishes again, and the stream drops the duplicate;
 * past the stream's window the consumer's natural key does.
 */
export interface OutboxTable {
  outbox: { id: string; subject: string; payload: Buffer; request_id: string | null; created_at: Date };
}

export async function createOutboxTable(kysely: Kysely<unknown>): Promise<void> {
  await sql`
    create table outbox (
      id uuid primary key,
      subject text not null,
      payload bytea not null,
      created_at timestamptz not null default now()
    )`.execute(kysely);
}

/** For a migration after the one that made the table: the request that a message follows from goes with it. */
export async function addRequestIdToOutbox(kysely: Kysely<unknown>): Promise<void> {
  await sql`alter table outbox add column request_id text`.execute(kysely);
}

export interface OutboxMessage {
  subject: string;
  payload: Uint8Array;
}

/** Adds messages to the outbox; call it with the Kysely of the transaction that changes the state. */
export async function addToOutbox<Schema>(kysely: Kysely<Schema>, messages: readonly OutboxMessage[]): Promise<void> {
  const requestId = logContext().requestId ?? null;
  // 1,000 rows of 4 parameters a statement: far below the protocol's 65,535.
  for (let start = 0; start < messages.length; start += 1000) {
    const rows = messages
      .slice(start, start + 1000)
      .map(({ subject, payload }) => sql`(${uuidv7()}, ${subject}, ${Buffer.from(payload)}, ${requestId})`);
    await sql`insert into outbox (id, subject, payload, request_id) values ${sql.join(rows)}`.execute(kysely);
  }
}

export interface OutboxRelayOptions<Schema> {
  db: Db<Schema>;
  /** Publishes and waits for the acknowledgement; a second publish with the same id must be harmless. */
  publish(subject: string, payload: Uint8Array, messageId: string, requestId: string | undefined): Promise<void>;
  log: Log;
  batchMax?: number;
  busyIntervalMs?: number;
  idleIntervalMs?: number;
}

export interface OutboxRelay {
  stop(): Promise<void>;
}

/**
 * Publishes what stands in the outbox, oldest first, until stopped. Several relays share the work (SKIP LOCKED). What cannot be published
 * stays; those behind it go first then, and it has its turn again when the end is reached.
 */
export function startOutboxRelay<Schema>({
  db,
  publish,
  log,
  batchMax = 200,
  busyIntervalMs = 20,
  idleIntervalMs = 200,
}: OutboxRelayOptions<Schema>): OutboxRelay {
  let stopping = false;
  let wake = () => {};
  const loop = (async () => {
    let failures = 0;
    let after = beforeAll;
    while (!stopping) {
      let published = 0;
      try {
        const relayed = await relayOnce(db, publish, { after, batchMax });
        published = relayed.published;
        const isFromStart = after === beforeAll;
        if (relayed.last === undefined || (isFromStart && relayed.error === undefined)) after = beforeAll;
        else after = relayed.last;
        if (relayed.error !== undefined) throw relayed.error;
        if (isFromStart || published > 0) failures = 0;
      } catch (error) {
        failures += 1;
        if (!stopping) log.warn({ reason: messageOf(error), failures }, 'outbox could not be relayed');
      }
      if (stopping) break;
      const pauseMs =
        failures > 0 ? Math.min(5000, 200 * 2 ** failures) : published > 0 ? busyIntervalMs : idleIntervalMs;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();
  return {
    stop: async () => {
      stopping = true;
      wake();
      await loop;
    },
  };
}

/** Lower than any UUIDv7. */
const beforeAll = '00000000-0000-0000-0000-000000000000';

interface Relayed {
  published: number;
  /** The last row looked at; undefined when there was none. */
  last: string | undefined;
  /** Of the first message that could not be published. */
  error: unknown;
}

async function relayOnce<Schema>(
  db: Db<Schema>,
  publish: OutboxRelayOptions<Schema>['publish'],
  { after, batchMax }: { after: string; batchMax: number },
): Promise<Relayed> {
  return await db.inTransaction(async ({ kysely }) => {
    const { rows } = await sql<{ id: string; subject: string; payload: Buffer; request_id: string | null }>`
      select id, subject, payload, request_id from outbox where id > ${after}::uuid
      order by id limit ${batchMax} for update skip locked`.execute(kysely);
    const ends = await Promise.allSettled(
      rows.map((row) => publish(row.subject, row.payload, row.id, row.request_id ?? undefined)),
    );
    // What was published goes, whatever became of the others: told again for longer than the stream remembers, it would be heard twice.
    const published = rows.filter((_, at) => ends[at]!.status === 'fulfilled').map((row) => row.id);
    if (published.length > 0) await sql`delete from outbox where id = any(${published}::uuid[])`.execute(kysely);
    const failed = ends.find((end) => end.status === 'rejected');
    return { published: published.length, last: rows.at(-1)?.id, error: failed?.reason };
  });
}
