import { createTestDatabase, type Db, migrateSchema, openDb } from '@florilegium/db';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import { imagesRepo } from '../src/repos/images.repo.ts';
import type { Schema } from '../src/schema.ts';

const closing: (() => unknown)[] = [];
let db: Db<Schema>;
beforeAll(async () => {
  const database = await createTestDatabase(inject('databaseUrl'));
  db = openDb<Schema>({ url: database.url, schema: 'fetcher' });
  closing.push(
    () => db.close(),
    () => database.drop(),
  );
  await migrateSchema(db, migrations);
});
afterAll(async () => {
  for (const close of closing) await close();
});

const size = 'medium';
const sha256 = 'ab'.repeat(32);
const stored = { state: 'stored', size, sha256, format: 'webp', width: 1, height: 1, bytes: 9, source: 's' } as const;

it('says that a page is tried again only while a run is under way that does', async () => {
  const runId = uuidv7();
  const pageId = 8;
  await db.pool.query(
    `insert into fetcher.image (page_id, size, state, detail) values (${pageId}, '${size}', 'retry_at', 'status 503')`,
  );
  await db.pool.query(
    `insert into fetcher.fetch_run (id, state, size, rule) values ('${runId}', 'running', '${size}', 'r')`,
  );
  await db.pool.query(
    `insert into fetcher.fetch_page (run_id, page_id, batch_number, bar_code, sequence, state) values ('${runId}', ${pageId}, 0, 'b', 1, 'retry_at')`,
  );
  const { findImage } = imagesRepo(db.kysely);
  expect(await findImage(pageId, size)).toMatchObject({ state: 'retry_at', detail: 'status 503' });
  await db.pool.query(`update fetcher.fetch_run set state = 'cancelled' where id = '${runId}'`);
  expect(await findImage(pageId, size)).toMatchObject({ state: 'unknown' });
});

it('never takes a page for lost whose fetch ends between two looks', async () => {
  const runId = uuidv7();
  const pageId = 7;
  await db.kysely
    .insertInto('image')
    .values({ page_id: pageId, state: 'corrupt', size, detail: 'its file was lost' } as never)
    .execute();
  await db.kysely
    .insertInto('fetch_run')
    .values({ id: runId, state: 'running', size, rule: 'r', start_index: 0, max_count: 0 } as never)
    .execute();
  await db.kysely
    .insertInto('fetch_page')
    .values({ run_id: runId, page_id: pageId, batch_number: 0, bar_code: 'b', sequence: 1 } as never)
    .execute();
  expect(await imagesRepo(db.kysely).findImage(pageId, size)).toMatchObject({ state: 'pending' });

  const endFetch = () =>
    db.inTransaction(async ({ kysely }) => {
      await kysely
        .insertInto('image')
        .values({ ...stored, page_id: pageId, fetched_at: new Date() } as never)
        .onConflict((conflict) =>
          conflict.columns(['page_id', 'size']).doUpdateSet({ ...stored, fetched_at: new Date() }),
        )
        .execute();
      await kysely.updateTable('fetch_page').set({ state: 'stored' }).where('run_id', '=', runId).execute();
    });
  // Whatever is read first, the fetch ends right after it.
  let looks = 0;
  const watched = db.kysely.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      if (++looks === 1) await endFetch();
      return result;
    },
  });
  expect(await imagesRepo(watched).findImage(pageId, size)).toMatchObject({ state: 'stored', sha256 });
  expect(looks).toBeGreaterThan(1);
});
