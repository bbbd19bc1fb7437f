import {
  addRequestIdToOutbox,
  addToOutbox,
  copyText,
  createOutboxTable,
  createTestDatabase,
  type Db,
  migrateSchema,
  type OutboxTable,
  openDb,
  startOutboxRelay,
  type TestDatabase,
} from '@florilegium/db';
import { silentLog } from '@florilegium/log';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

interface Schema extends OutboxTable {
  note: { id: number; text: string | null };
}

let database: TestDatabase;
let db: Db<Schema>;
const migrations = {
  '1': {
    up: async (kysely: Parameters<typeof createOutboxTable>[0]) => {
      await createOutboxTable(kysely);
      await addRequestIdToOutbox(kysely);
      await sql`create table note (id bigint primary key, text text)`.execute(kysely);
    },
  },
};

beforeAll(async () => {
  database = await createTestDatabase(inject('databaseUrl'));
  db = openDb<Schema>({ url: database.url, schema: 'notes' });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

it('migrates once when replicas start together', async () => {
  const others = [1, 2, 3].map(() => openDb<Schema>({ url: database.url, schema: 'notes' }));
  await Promise.all([db, ...others].map((one) => migrateSchema(one, migrations)));
  await Promise.all(others.map((other) => other.close()));
  const { rows } = await sql<{
    table_schema: string;
  }>`select table_schema from information_schema.tables where table_name = 'note'`.execute(db.kysely);
  expect(rows).toEqual([{ table_schema: 'notes' }]);
});

it('creates the schema once however often replicas race for it', async () => {
  const replicas = Array.from({ length: 40 }, (_, index) =>
    openDb({ url: database.url, schema: `raced_${Math.floor(index / 8)}`, poolMax: 1 }),
  );
  await Promise.all(replicas.map(({ kysely }) => sql`select 1`.execute(kysely)));
  const one = { '1': { up: async () => {} } };
  await Promise.all(replicas.map((replica) => migrateSchema(replica, one)));
  await Promise.all(replicas.map((replica) => replica.close()));
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from information_schema.schemata where schema_name like 'raced\\_%'`.execute(
    db.kysely,
  );
  expect(rows).toEqual([{ count: 5 }]);
});

it('waits, where told to, until somebody else has migrated', async () => {
  const waiting = openDb({ url: database.url, schema: 'waiting' });
  const next = { '1': { up: async () => {} } };
  let ready = false;
  const wait = migrateSchema(waiting, next, { mode: 'wait' }).then(() => {
    ready = true;
  });
  await expect(migrateSchema(waiting, next, { mode: 'wait', waitTimeoutMs: 300 })).rejects.toThrow(
    'schema waiting was not ready within 0.3 s: migrations are missing: 1',
  );
  expect(ready).toBe(false);
  await migrateSchema(waiting, next);
  await wait;
  await waiting.close();
});

it('serves a schema that is newer than the program, as after a rollback', async () => {
  const rolledBack = openDb({ url: database.url, schema: 'rolled_back' });
  const one = { '1': { up: async () => {} } };
  await migrateSchema(rolledBack, { ...one, '2': { up: async () => {} } });
  await migrateSchema(rolledBack, one);
  await migrateSchema(rolledBack, one, { mode: 'wait', waitTimeoutMs: 0 });
  await rolledBack.close();
});

it('copies rows in and out, whatever they hold, and rolls all back together', async () => {
  const texts = ['plain', 'tab\there', 'line\nbreak\r', 'back\\slash \\N', null, 'Tafel ä 蝶'];
  const lines = texts.map((text, id) => `${copyText(id)}\t${copyText(text)}\n`);
  await expect(
    db.inTransaction(async ({ copyIn }) => {
      expect(await copyIn('copy note (id, text) from stdin', lines)).toBe(6);
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(await db.kysely.selectFrom('note').selectAll().execute()).toEqual([]);
  await db.inTransaction(({ copyIn }) => copyIn('copy note (id, text) from stdin', lines));
  expect((await db.kysely.selectFrom('note').select('text').orderBy('id').execute()).map((row) => row.text)).toEqual(
    texts,
  );
  const chunks: Buffer[] = [];
  for await (const chunk of db.copyOut('copy (select * from note order by id) to stdout')) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe(lines.join(''));
});

it('lets no message that cannot be published hold up the others, nor publishes those again', async () => {
  const published: string[] = [];
  let isFull = true;
  const subjects = ['a', 'full', 'b', 'c'];
  await db.inTransaction(({ kysely }) =>
    addToOutbox(
      kysely,
      subjects.map((subject) => ({ subject, payload: Buffer.from('x') })),
    ),
  );
  const relay = startOutboxRelay({
    db,
    log: silentLog,
    batchMax: 2,
    publish: async (subject) => {
      if (subject === 'full' && isFull) throw new Error('the stream is full');
      published.push(subject);
    },
  });
  const until = async (isSo: () => boolean) => {
    for (const end = Date.now() + 10_000; !isSo(); ) {
      if (Date.now() > end) throw new Error(`only ${published} were published`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await until(() => published.length >= 3);
  isFull = false;
  await until(() => published.includes('full'));
  await relay.stop();
  expect([...published].sort()).toEqual(['a', 'b', 'c', 'full']);
  expect(await db.kysely.selectFrom('outbox').selectAll().execute()).toEqual([]);
});

it('relays an outbox message only when its transaction commits, and again when publishing failed', async () => {
  const published: string[] = [];
  let refusals = 2;
  await db
    .inTransaction(async ({ kysely }) => {
      await addToOutbox(kysely, [{ subject: 'lost', payload: Buffer.from('x') }]);
      throw new Error('rolled back');
    })
    .catch(() => {});
  await db.inTransaction(({ kysely }) => addToOutbox(kysely, [{ subject: 'kept', payload: Buffer.from('y') }]));
  const relay = startOutboxRelay({
    db,
    log: silentLog,
    publish: async (subject, payload) => {
      if (refusals-- > 0) throw new Error('away');
      published.push(`${subject} ${Buffer.from(payload)}`);
    },
  });
  while (published.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await relay.stop();
  expect(published).toEqual(['kept y']);
  expect(await db.kysely.selectFrom('outbox').selectAll().execute()).toEqual([]);
});
