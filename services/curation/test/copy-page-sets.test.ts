import { createTestDatabase, type Db, migrateSchema, openDb, type TestDatabase } from '@florilegium/db';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import type { Schema } from '../src/schema.ts';
import { createStore, type Store } from '../src/store.ts';
import { copyPageSets } from '../src/usecases/copy-page-sets.ts';
import { aWorld } from './neighbours.ts';

let database: TestDatabase;
let db: Db<Schema>;
let store: Store;
const world = aWorld();

beforeAll(async () => {
  database = await createTestDatabase(inject('databaseUrl'));
  db = openDb<Schema>({ url: database.url, schema: 'curation' });
  await migrateSchema(db, migrations);
  store = createStore(db);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

it('holds no transaction while catalog streams, and takes no set that did not come whole', async () => {
  const open: number[] = [];
  const catalog = {
    ...world.neighbours.catalog,
    async *streamPageSet(pageSetId: string) {
      for await (const pages of world.neighbours.catalog.streamPageSet(pageSetId)) {
        const { rows } = await db.pool.query<{ count: number }>(
          "select count(*)::int as count from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
        );
        open.push(rows[0]!.count);
        yield pages;
        // The stream of this set breaks off after its first part.
        if (pageSetId === world.pageSetId('train')) return;
      }
    },
  };
  await expect(copyPageSets({ store, catalog })).rejects.toMatchObject({ code: 'unavailable' });
  expect(open.length).toBeGreaterThan(2);
  expect(open.every((count) => count === 0)).toBe(true);
  expect((await store.pages.listPageSets()).map(({ name }) => name)).toEqual(['heldout', 'stop']);
});

it('copies each set once, however many ask for them at once', async () => {
  const deps = { store, catalog: world.neighbours.catalog };
  const answers = await Promise.all([1, 2, 3, 4].map(() => copyPageSets(deps)));
  for (const sets of answers)
    expect(sets.map(({ name, pageCount }) => [name, pageCount])).toEqual([
      ['heldout', 40],
      ['stop', 20],
      ['train', 60],
      ['unlabelled', 100],
    ]);
  const { rows } = await db.pool.query('select page_set, count(*)::int from page group by 1 order by 1');
  expect(rows.map(({ count }) => count)).toEqual([40, 20, 60, 100]);
  expect((await db.pool.query('select 1 from page_set_stage')).rows).toEqual([]);
});
