import { createTestDatabase, type Db, migrateSchema, openDb } from '@florilegium/db';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import type { Schema } from '../src/schema.ts';
import { createStore } from '../src/store.ts';

let db: Db<Schema>;
let drop: () => Promise<void>;
beforeAll(async () => {
  const database = await createTestDatabase(inject('databaseUrl'));
  drop = database.drop;
  db = openDb<Schema>({ url: database.url, schema: 'fetcher' });
});
afterAll(async () => {
  await db?.close();
  await drop?.();
});

const mixed = '00000000-0000-4000-8000-000000000001';
const empty = '00000000-0000-4000-8000-000000000002';

it('are listed in the order of their names, which is that in which they run', () => {
  expect(Object.keys(migrations)).toEqual(Object.keys(migrations).sort());
});

it('count the pages of runs that were there before, state by state, and keep the runs as they were', async () => {
  const before = Object.entries(migrations).filter(([name]) => name < '20261123T2320');
  expect(before.length).toBe(3);
  await migrateSchema(db, Object.fromEntries(before));
  await db.pool.query(
    `insert into fetcher.fetch_run (id, state, size, page_set_id, rule, listed_count, is_listed, stored_count, failed_count)
     values ($1, 'running', 'medium', 'some-set', null, 15, true, 1, 10), ($2, 'done', 'full', null, 'illustrated', 0, true, 0, 0)`,
    [mixed, empty],
  );
  const states = ['missing', 'placeholder', 'corrupt', 'blocked', 'retry_at', 'stored', 'pending'];
  // One page of the first state, two of the second and so on; one stored, two pending.
  const pages = states.flatMap((state, index) => Array(index < 5 ? index + 1 : index - 4).fill(state) as string[]);
  await db.pool.query(
    `insert into fetcher.fetch_page (run_id, page_id, batch_number, bar_code, sequence, state)
     select $1, page.id, 0, 'book', page.id, page.state
     from unnest($2::text[]) with ordinality page (state, id)`,
    [mixed, pages],
  );

  await migrateSchema(db, migrations);
  const { fetchRuns } = createStore(db);
  expect(await fetchRuns.findRun(mixed)).toMatchObject({
    state: 'running',
    storedCount: 1,
    failedCount: 10,
    countOf: { missing: 1, placeholder: 2, corrupt: 3, blocked: 4, retry_at: 5 },
  });
  expect(await fetchRuns.findRun(empty)).toMatchObject({
    state: 'done',
    countOf: { missing: 0, placeholder: 0, corrupt: 0, blocked: 0, retry_at: 0 },
  });
});
