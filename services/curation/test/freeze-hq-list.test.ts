import { createTestDatabase, type Db, migrateSchema, openDb, type TestDatabase } from '@florilegium/db';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import type { PagePredicted } from '../src/clients/inference.client.ts';
import type { Schema } from '../src/schema.ts';
import { createStore, type Store } from '../src/store.ts';
import { collectList, freezeHqList } from '../src/usecases/freeze-hq-list.ts';

let database: TestDatabase;
let db: Db<Schema>;
let store: Store;

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

const predictionOf = (pageId: number): PagePredicted => ({
  pageId,
  members: [0.9],
  mean: 0.9,
  entropy: 0.3,
  disagreement: 0,
  mutualInformation: 0,
});

const neighbours = {
  catalog: {
    async *streamCandidates() {
      yield [1, 2, 3, 4, 5, 6, 7, 8];
    },
    findStories: async () => [],
  },
  fetcher: {
    findImages: async (pageIds: readonly number[]) =>
      pageIds.map((pageId) => ({
        pageId,
        state: pageId === 8 ? ('unavailable' as const) : ('coming' as const),
        width: 0,
        height: 0,
      })),
  },
};

async function aList(): Promise<string> {
  const id = uuidv7();
  await store.inTransaction(async (tx) => {
    await tx.hqLists.add({
      id,
      version: 1,
      rule: 'illustrated',
      ruleVersion: 1,
      ruleSha256: '',
      threshold: 0.5,
      targetPrecision: null,
      auditCount: 0,
      outsideCount: 0,
      iterationNumber: 1,
      ensembleId: uuidv7(),
      modelSha256: '',
      labelSetId: uuidv7(),
      labelSetSha256: '',
      seed: 'audit 1 1',
      startedBy: 'olga',
      idempotencyKey: null,
    });
    await tx.hqLists.setRun(id, uuidv7());
  });
  return id;
}

it('freezes no list of which scores were lost after they were collected', async () => {
  const listId = await aList();
  const inference = {
    async *streamPredictions() {
      yield [1, 2, 3].map(predictionOf);
      yield [4, 5].map(predictionOf);
    },
  };
  const collect = () => collectList({ store, inference, ...neighbours }, listId, new AbortController().signal);
  const first = await collect();
  expect(first.scoreCount).toBe(5);
  // As a crash of PostgreSQL leaves an unlogged table.
  await store.hqLists.clearScores(listId);
  await expect(store.inTransaction((tx) => freezeHqList(tx, listId, first))).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(await store.hqLists.find(1)).toMatchObject({ state: 'predicting', pageCount: null });

  const collected = await collect();
  await store.inTransaction((tx) => freezeHqList(tx, listId, collected));
  expect(await store.hqLists.find(1)).toMatchObject({
    state: 'published',
    pageCount: 5,
    candidateCount: 5,
    imagePendingCount: 2,
    imageUnavailableCount: 1,
  });
});
