import { setTimeout as sleep } from 'node:timers/promises';
import {
  addRequestIdToOutbox,
  createOutboxTable,
  createTestDatabase,
  type Db,
  migrateSchema,
  openDb,
  startOutboxRelay,
} from '@florilegium/db';
import { failedPrecondition, invalidArgument, unavailable } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { connectMessaging, type Messaging } from '@florilegium/messaging';
import {
  addPatienceToWorkTable,
  type ClaimedBatch,
  cancelBatches,
  countBatches,
  createWorkTable,
  enqueueBatches,
  retryFailedBatches,
  startWorker,
  type WorkerOptions,
} from '@florilegium/work';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

interface Schema {
  result: { run_id: string; number: number; attempt: number };
}

let db: Db<Schema>;
let messaging: Messaging;
const closing: (() => Promise<unknown>)[] = [];
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  const database = await createTestDatabase(inject('databaseUrl'));
  db = openDb<Schema>({ url: database.url, schema: 'work_test' });
  await migrateSchema(db, {
    '1': {
      up: async (kysely) => {
        await createOutboxTable(kysely);
        await addRequestIdToOutbox(kysely);
        await createWorkTable(kysely);
        await addPatienceToWorkTable(kysely);
        await sql`create table result (run_id uuid, number int, attempt int)`.execute(kysely);
      },
    },
  });
  messaging = await connectMessaging({
    url: inject('natsUrl'),
    name: 'work-test',
    namespace: `work-test-${process.pid}`,
    log: silentLog,
  });
  const relay = startOutboxRelay({ db, publish: messaging.publish, log: silentLog });
  closing.push(
    () => relay.stop(),
    () => messaging.close(),
    () => db.close(),
    () => database.drop(),
  );
});
afterAll(async () => {
  for (const close of closing) await close();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((worker) => worker.stop()));
});

let kinds = 0;
const newKind = () => `kind${++kinds}`;

async function worker(
  kind: string,
  handle: (batch: ClaimedBatch<Schema>) => Promise<void>,
  options: Partial<WorkerOptions<Schema>> = {},
) {
  const started = await startWorker<Schema>({
    service: 'test',
    kind,
    db,
    messaging,
    log: silentLog,
    concurrency: 3,
    heartbeatMs: 100,
    staleMs: 800,
    retryDelayMs: () => 50,
    onFailed: async () => {},
    handle,
    ...options,
  });
  running.push(started);
  return started;
}

async function enqueue(kind: string, count: number): Promise<string> {
  const runId = uuidv7();
  const batches = Array.from({ length: count }, (_, number) => ({ number, payload: { first: number * 10 } }));
  await db.inTransaction(({ kysely }) => enqueueBatches(kysely, { service: 'test', kind, runId, batches }));
  return runId;
}

const write = (batch: ClaimedBatch<Schema>) =>
  batch.complete(async ({ kysely }) => {
    await kysely
      .insertInto('result')
      .values({ run_id: batch.runId, number: batch.number, attempt: batch.attempt })
      .execute();
  });

const resultsOf = (runId: string) =>
  db.kysely.selectFrom('result').select(['number', 'attempt']).where('run_id', '=', runId).orderBy('number').execute();

async function until(check: () => Promise<boolean>, timeoutMs = 15_000) {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

describe('startWorker', () => {
  it('does every batch once and tells exactly one of them that nothing is left', async () => {
    const kind = newKind();
    let last = 0;
    const payloads = new Map<number, unknown>();
    await worker(kind, async (batch) => {
      payloads.set(batch.number, batch.payload.first);
      await batch.complete(async ({ kysely }, { isLast }) => {
        await kysely
          .insertInto('result')
          .values({ run_id: batch.runId, number: batch.number, attempt: batch.attempt })
          .execute();
        if (isLast) last += 1;
      });
    });
    const runId = await enqueue(kind, 40);
    await until(async () => (await countBatches(db.kysely, runId)).done === 40);
    expect(await resultsOf(runId)).toEqual(Array.from({ length: 40 }, (_, number) => ({ number, attempt: 1 })));
    expect(last).toBe(1);
    expect(payloads.get(7)).toBe(70);
  });

  it('tries again after an error that says retry, and writes nothing of the failed try', async () => {
    const kind = newKind();
    let tries = 0;
    await worker(kind, async (batch) => {
      tries += 1;
      await batch.complete(async ({ kysely }) => {
        await kysely
          .insertInto('result')
          .values({ run_id: batch.runId, number: batch.number, attempt: batch.attempt })
          .execute();
        if (tries < 3) throw unavailable('the source is away');
      });
    });
    const runId = await enqueue(kind, 1);
    await until(async () => (await countBatches(db.kysely, runId)).done === 1);
    expect(await resultsOf(runId)).toEqual([{ number: 0, attempt: 3 }]);
  });

  it('fails a batch at once when the error says that trying again is useless, with its reason', async () => {
    const kind = newKind();
    const failed: string[] = [];
    await worker(
      kind,
      async () => {
        throw invalidArgument('line 12 is broken');
      },
      { onFailed: async (_tx, batch, reason) => void failed.push(`${batch.number}: ${reason}`) },
    );
    const runId = await enqueue(kind, 1);
    await until(async () => (await countBatches(db.kysely, runId)).failed === 1);
    expect(failed).toEqual(['0: line 12 is broken']);
  });

  it('fails a batch after its last try', async () => {
    const kind = newKind();
    let tries = 0;
    await worker(
      kind,
      async () => {
        tries += 1;
        throw new Error('again');
      },
      { failuresMax: 3 },
    );
    const runId = await enqueue(kind, 1);
    await until(async () => (await countBatches(db.kysely, runId)).failed === 1);
    expect(tries).toBe(3);
  });

  it('counts only claims that never ended as such: a batch may fail more often than workers may die on it', async () => {
    const kind = newKind();
    let tries = 0;
    await worker(
      kind,
      async (batch) => {
        tries += 1;
        if (tries < 6) throw failedPrecondition('not here yet');
        await write(batch);
      },
      { failuresMax: 10, attemptsMax: 2 },
    );
    const runId = await enqueue(kind, 1);
    await until(async () => (await countBatches(db.kysely, runId)).pending === 0 && tries > 0);
    await until(async () => {
      const { done, failed } = await countBatches(db.kysely, runId);
      return done + failed === 1;
    });
    expect(await resultsOf(runId)).toEqual([{ number: 0, attempt: 6 }]);
  });

  it('fails a batch whose claims never end', async () => {
    const kind = newKind();
    const failed: string[] = [];
    const runId = await enqueue(kind, 1);
    await sql`update work_batch set state = 'running', taken_over = 1 where run_id = ${runId}`.execute(db.kysely);
    await worker(kind, write, {
      attemptsMax: 2,
      onFailed: async (_tx, _batch, reason) => void failed.push(reason),
    });
    await until(async () => (await countBatches(db.kysely, runId)).failed === 1);
    expect(failed).toEqual(['gave up after 2 claims that never ended']);
  });

  it('lets nobody complete a batch that was cancelled and opened again under the claim', async () => {
    const kind = newKind();
    const claims: ClaimedBatch<Schema>[] = [];
    const held: (() => void)[] = [];
    const errors: string[] = [];
    // Without heartbeats the holder does not hear of the cancellation.
    await worker(
      kind,
      async (batch) => {
        claims.push(batch);
        await new Promise<void>((resolve) => held.push(resolve));
        await write(batch).catch((error: unknown) => {
          errors.push(String(error));
          throw error;
        });
      },
      { heartbeatMs: 3_600_000, staleMs: 3_600_000, concurrency: 2 },
    );
    const runId = await enqueue(kind, 1);
    await until(async () => claims.length === 1);
    await db.inTransaction(async ({ kysely }) => {
      await cancelBatches(kysely, runId);
      await retryFailedBatches(kysely, 'test', runId);
    });
    await until(async () => claims.length === 2);
    held[0]!();
    await until(async () => errors.length === 1 || (await resultsOf(runId)).length > 0);
    expect(await resultsOf(runId)).toEqual([]);
    held[1]!();
    await until(async () => (await resultsOf(runId)).length === 1);
    expect(errors).toHaveLength(1);
  });

  it('writes rows of several batches side by side, and of a batch that was lost none, even where those of another stand already', async () => {
    const kind = newKind();
    await sql`create table if not exists side_row (run_id uuid, number int, primary key (run_id, number))`.execute(
      db.kysely,
    );
    let writing = 0;
    let writingMost = 0;
    const errors: string[] = [];
    const writeRows = async (batch: ClaimedBatch<Schema>) => {
      await batch
        .complete(
          async () => {},
          async ({ kysely }) => {
            writingMost = Math.max(writingMost, ++writing);
            await sql`insert into side_row values (${batch.runId}, ${batch.number})`.execute(kysely);
            for (const end = Date.now() + 2000; writingMost < 2 && Date.now() < end; ) await sleep(10);
            writing--;
          },
        )
        .catch((error: unknown) => {
          errors.push(String(error));
          throw error;
        });
    };
    const runId = await enqueue(kind, 3);
    let wake = () => {};
    const silent = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const first = new Set<number>();
    await worker(
      kind,
      async (batch) => {
        // One of them says nothing until another has done its batch.
        if (batch.number === 0 && !first.has(0)) {
          first.add(0);
          await silent;
        }
        await writeRows(batch);
      },
      { heartbeatMs: 3_600_000, concurrency: 4 },
    );
    await until(async () => (await countBatches(db.kysely, runId)).done === 3);
    expect(writingMost).toBeGreaterThan(1);
    expect(errors).toEqual([]);
    wake();
    await until(async () => errors.length > 0);
    expect(errors[0]).toContain('taken over');
    const { rows } = await sql`select number from side_row where run_id = ${runId} order by number`.execute(db.kysely);
    expect(rows).toEqual([{ number: 0 }, { number: 1 }, { number: 2 }]);
  });

  it('gives a batch whose worker went silent to another, and the silent one changes nothing any more', async () => {
    const kind = newKind();
    let wake = () => {};
    const silent = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let lateError: unknown;
    // A heartbeat that never comes is what a killed process looks like from outside.
    await worker(
      kind,
      async (batch) => {
        await silent;
        await write(batch).catch((error: unknown) => {
          lateError = error;
          throw error;
        });
      },
      { heartbeatMs: 3_600_000, concurrency: 1 },
    );
    const runId = await enqueue(kind, 1);
    await until(async () => (await countBatches(db.kysely, runId)).running === 1);
    await worker(kind, async (batch) => void (await write(batch)));
    await until(async () => (await countBatches(db.kysely, runId)).done === 1);
    wake();
    await until(async () => lateError !== undefined);
    expect(String(lateError)).toContain('taken over');
    expect(await resultsOf(runId)).toEqual([{ number: 0, attempt: 2 }]);
  });

  it('waits longer for a server that is away than for an error that may be the batch itself', async () => {
    const kind = newKind();
    let tries = 0;
    await worker(
      kind,
      async (batch) => {
        tries += 1;
        if (tries === 3) throw new Error('once');
        if (tries < 6) throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
        await write(batch);
      },
      { failuresMax: 2, unavailableFailuresMax: 5 },
    );
    const runId = await enqueue(kind, 1);
    await until(async () => {
      const { done, failed } = await countBatches(db.kysely, runId);
      return done + failed === 1;
    });
    expect(await resultsOf(runId)).toEqual([{ number: 0, attempt: 6 }]);

    const failed: string[] = [];
    const never = newKind();
    await worker(
      never,
      async () => {
        throw unavailable('the catalog is away');
      },
      { unavailableFailuresMax: 3, onFailed: async (_tx, _batch, reason) => void failed.push(reason) },
    );
    await enqueue(never, 1);
    await until(async () => failed.length === 1);
    expect(failed).toEqual(['the catalog is away']);
  });

  it('stops the work in hand when its run is cancelled', async () => {
    const kind = newKind();
    let aborted = 0;
    await worker(kind, async ({ signal }) => {
      await new Promise<void>((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted += 1;
          reject(signal.reason);
        }),
      );
    });
    const runId = await enqueue(kind, 2);
    await until(async () => (await countBatches(db.kysely, runId)).running === 2);
    await db.inTransaction(({ kysely }) => cancelBatches(kysely, runId));
    await until(async () => aborted === 2);
    expect((await countBatches(db.kysely, runId)).cancelled).toBe(2);
    expect(await resultsOf(runId)).toEqual([]);
  });

  it('may hand a batch back more often than workers may die on it', async () => {
    const kind = newKind();
    const runId = await enqueue(kind, 1);
    for (let deploy = 0; deploy < 3; deploy++) {
      const one = await worker(
        kind,
        async ({ signal }) => {
          await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
        { attemptsMax: 2 },
      );
      await until(async () => (await countBatches(db.kysely, runId)).running === 1);
      await one.stop();
    }
    await worker(kind, async (batch) => void (await write(batch)), { attemptsMax: 2 });
    await until(async () => {
      const { done, failed } = await countBatches(db.kysely, runId);
      return done + failed === 1;
    });
    expect(await resultsOf(runId)).toEqual([{ number: 0, attempt: 4 }]);
  });

  it('hands back what is in hand when it stops, without counting a failure', async () => {
    const kind = newKind();
    const first = await worker(kind, async ({ signal }) => {
      await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const runId = await enqueue(kind, 1);
    await until(async () => (await countBatches(db.kysely, runId)).running === 1);
    await first.stop();
    expect((await countBatches(db.kysely, runId)).pending).toBe(1);
    await worker(kind, async (batch) => void (await write(batch)));
    await until(async () => (await countBatches(db.kysely, runId)).done === 1);
    const row = await sql<{ failures: number }>`select failures from work_batch where run_id = ${runId}`.execute(
      db.kysely,
    );
    expect(row.rows[0]!.failures).toBe(0);
  });

  it('takes no batch before its time', async () => {
    const kind = newKind();
    await worker(kind, async (batch) => void (await write(batch)));
    const runId = uuidv7();
    const started = Date.now();
    await db.inTransaction(({ kysely }) =>
      enqueueBatches(kysely, {
        service: 'test',
        kind,
        runId,
        batches: [{ number: 0 }, { number: 1, notBefore: new Date(started + 1000) }],
      }),
    );
    await until(async () => (await countBatches(db.kysely, runId)).done === 1);
    expect(await resultsOf(runId)).toMatchObject([{ number: 0 }]);
    await until(async () => (await countBatches(db.kysely, runId)).done === 2);
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
  });
});
