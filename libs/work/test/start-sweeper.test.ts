import {
  addRequestIdToOutbox,
  createOutboxTable,
  createTestDatabase,
  migrateSchema,
  openDb,
  startOutboxRelay,
} from '@florilegium/db';
import { silentLog } from '@florilegium/log';
import { connectMessaging } from '@florilegium/messaging';
import {
  addPatienceToWorkTable,
  countBatches,
  createWorkTable,
  enqueueBatches,
  ensureWorkConsumer,
  startSweeper,
  startWorker,
  workDurable,
} from '@florilegium/work';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { expect, inject, it, onTestFinished, vi } from 'vitest';

const service = 'test';
const kind = 'embed';
const waiting = { timeout: 15_000, interval: 50 };

async function aServiceWithoutWorkers(name: string) {
  const database = await createTestDatabase(inject('databaseUrl'));
  const db = openDb<object>({ url: database.url, schema: 'sweeper_test' });
  await migrateSchema(db, {
    '1': {
      up: async (kysely) => {
        await createOutboxTable(kysely);
        await addRequestIdToOutbox(kysely);
        await createWorkTable(kysely);
        await addPatienceToWorkTable(kysely);
      },
    },
  });
  const namespace = `sweeper-${name}-${process.pid}`;
  const messaging = await connectMessaging({ url: inject('natsUrl'), name, namespace, log: silentLog });
  await ensureWorkConsumer(messaging, { service, kind });
  const relay = startOutboxRelay({ db, publish: messaging.publish, log: silentLog });
  const sweeper = startSweeper({ service, kinds: [kind], db, messaging, log: silentLog, forgottenMs: 300 });
  onTestFinished(async () => {
    await sweeper.stop();
    await relay.stop();
    await messaging.close();
    await db.close();
    await database.drop();
  });
  const runId = uuidv7();
  const batches = [0, 1, 2].map((number) => ({ number }));
  await db.inTransaction(({ kysely }) => enqueueBatches(kysely, { service, kind, runId, batches }));
  /** What an autoscaler goes by. */
  const lag = async () =>
    (await messaging.manager.consumers.info(messaging.streams.work, workDurable(service, kind))).num_pending;
  await vi.waitFor(async () => expect(await lag()).toBe(3), waiting);
  return { db, messaging, runId, lag };
}

it('fills the queue again after NATS lost it, without any worker, and workers do each batch once', async () => {
  const { db, messaging, runId, lag } = await aServiceWithoutWorkers('lost');
  await messaging.manager.streams.purge(messaging.streams.work);
  expect(await lag()).toBe(0);
  await vi.waitFor(async () => expect(await lag()).toBe(3), waiting);

  const done: number[] = [];
  const worker = await startWorker({
    service,
    kind,
    db,
    messaging,
    log: silentLog,
    concurrency: 2,
    handle: async ({ number, complete }) => {
      await complete();
      done.push(number);
    },
    onFailed: async () => {},
  });
  onTestFinished(() => worker.stop());
  await vi.waitFor(async () => expect((await countBatches(db.kysely, runId)).done).toBe(3), waiting);
  expect(done.toSorted()).toEqual([0, 1, 2]);
});

it('makes stream and consumer again where NATS came back without them', async () => {
  const { messaging, lag } = await aServiceWithoutWorkers('empty');
  for (const stream of Object.values(messaging.streams)) await messaging.manager.streams.delete(stream);
  await vi.waitFor(async () => expect(await lag()).toBe(3), waiting);
});

it('leaves alone what is queued, what waits for its time and what has ended', async () => {
  const { db, messaging, runId, lag } = await aServiceWithoutWorkers('quiet');
  await sql`update work_batch set queued_at = now() - interval '1 hour'`.execute(db.kysely);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await lag()).toBe(3);
  await sql`update work_batch set state = 'done' where run_id = ${runId} and number = 0`.execute(db.kysely);
  await sql`update work_batch set not_before = now() + interval '1 hour' where number = 1`.execute(db.kysely);
  await messaging.manager.streams.purge(messaging.streams.work);
  await vi.waitFor(async () => expect(await lag()).toBe(1), waiting);
});
