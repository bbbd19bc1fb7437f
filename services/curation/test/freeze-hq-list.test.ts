import { createHash } from 'node:crypto';
import { createTestDatabase, type Db, migrateSchema, openDb, type TestDatabase } from '@florilegium/db';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import type { PagePredicted } from '../src/clients/inference.client.ts';
import type { Label } from '../src/domain/label.ts';
import { figuresAt } from '../src/domain/score-bins.ts';
import type { Schema } from '../src/schema.ts';
import { createStore, type Store } from '../src/store.ts';
import { collectList, freezeHqList } from '../src/usecases/freeze-hq-list.ts';
import { importHqList } from '../src/usecases/import-hq-list.ts';
import { aWorld } from './neighbours.ts';

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

const predictionOf = (pageId: number, mean = 0.9): PagePredicted => ({
  pageId,
  members: [mean],
  mean,
  entropy: 0.3,
  disagreement: 0,
  mutualInformation: 0,
});

/** Pages whose stories catalog was asked for, call by call. */
const asked: number[][] = [];
const neighbours = {
  catalog: {
    async *streamCandidates() {
      yield [1, 2, 3, 4, 5, 6, 7, 8];
    },
    findStories: async (pageIds: readonly number[]) => {
      asked.push([...pageIds]);
      return pageIds.map(aWorld().storyOf);
    },
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

async function aList(version: number): Promise<string> {
  const id = uuidv7();
  await store.inTransaction(async (tx) => {
    await tx.hqLists.add({
      id,
      version,
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
  const listId = await aList(1);
  const inference = {
    async *streamPredictions() {
      yield [1, 2, 3].map((pageId) => predictionOf(pageId));
      yield [4, 5].map((pageId) => predictionOf(pageId));
    },
  };
  const collect = () => collectList({ store, inference, ...neighbours }, listId, new AbortController().signal);
  const first = await collect();
  expect(first.scoreCount).toBe(5);
  // As a crash of PostgreSQL leaves an unlogged table.
  await store.hqLists.clearScores(listId);
  await expect(store.inTransaction((tx) => freezeHqList(neighbours, tx, listId, first))).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(await store.hqLists.find(1)).toMatchObject({ state: 'predicting', pageCount: null });

  const collected = await collect();
  await store.inTransaction((tx) => freezeHqList(neighbours, tx, listId, collected));
  expect(await store.hqLists.find(1)).toMatchObject({
    state: 'published',
    pageCount: 5,
    candidateCount: 5,
    imagePendingCount: 2,
    imageUnavailableCount: 1,
  });
});

describe('what people label while a list is being made', () => {
  const label = (pageId: number, name: Label) =>
    store.labels.addLabels('carl', [{ pageId, label: name, iteration: null, tookMs: null, queue: null }]);

  it('lists a page that they call HQ, also below the threshold and without a score, with its story', async () => {
    const listId = await aList(2);
    const inference = {
      async *streamPredictions() {
        yield [predictionOf(1), predictionOf(2), predictionOf(3, 0.2), predictionOf(4, 0.1), predictionOf(5, 0.1)];
      },
    };
    await label(8, 'HQ');
    const collected = await collectList({ store, inference, ...neighbours }, listId, new AbortController().signal);
    await label(1, 'LQ');
    await label(4, 'HQ');
    await label(6, 'HQ');
    await label(7, 'LQ');
    asked.length = 0;
    await store.inTransaction((tx) => freezeHqList(neighbours, tx, listId, collected));
    // Only those that came late: the others were told of before anybody had to wait.
    expect(asked).toEqual([[4, 6]]);
    expect(await store.hqLists.find(2)).toMatchObject({
      state: 'published',
      pageCount: 4,
      labelledHqCount: 3,
      candidateCount: 5,
      imagePendingCount: 2,
      imageUnavailableCount: 1,
      candidatesSha256: createHash('sha256').update('1\n2\n3\n4\n5\n').digest('hex'),
      pagesSha256: createHash('sha256').update('2\n4\n6\n8\n').digest('hex'),
    });
    expect(await store.hqLists.readPages(listId, 0, 10)).toEqual([
      { pageId: 2, probability: expect.closeTo(0.9), chosenBy: 'score' },
      { pageId: 4, probability: expect.closeTo(0.1), chosenBy: 'label' },
      { pageId: 6, probability: null, chosenBy: 'label' },
      { pageId: 8, probability: null, chosenBy: 'label' },
    ]);
    const stories = await store.hqListStories.readStories(listId, 0, 10);
    expect(stories.map(({ title }) => title)).toEqual([2, 4, 6, 8].map((pageId) => aWorld().storyOf(pageId).title));
    const bins = await store.hqLists.findScoreBins(listId);
    expect(figuresAt(bins!, 0.5)).toMatchObject({ listedCount: 4, expectedPrecision: expect.closeTo((3 + 0.9) / 4) });
  });
});

describe('an import of a list', () => {
  const catalog = { getRule: async () => ({ version: 1, sha256: '' }) };
  const importPages = (pageIds: AsyncIterable<readonly number[]>) =>
    importHqList({ store, catalog }, { source: 'elsewhere', rule: 'illustrated', pageIds, by: 'olga' });
  const stagedIds = async () =>
    (await db.pool.query<{ id: string }>('select distinct hq_list_id as id from curation.hq_list_score')).rows.map(
      ({ id }) => id,
    );

  it('that lost staged pages on the way is none, and leaves nothing behind', async () => {
    const before = (await store.hqLists.findNewest())!.version;
    const pages = (async function* () {
      yield [1, 2, 3];
      // As a crash of PostgreSQL leaves an unlogged table.
      await db.pool.query('truncate curation.hq_list_score');
      yield [3, 4];
    })();
    await expect(importPages(pages)).rejects.toMatchObject({ code: 'unavailable' });
    expect((await store.hqLists.findNewest())!.version).toBe(before);
    expect(await stagedIds()).toEqual([]);
  });

  it('takes away what an import left that was killed, and not what another one is staging', async () => {
    const [killed, other] = [uuidv7({ msecs: Date.now() - 48 * 3_600_000 }), uuidv7()];
    await store.hqLists.stagePages(killed, [1]);
    await store.hqLists.stagePages(other, [1]);
    const { id, pageCount } = await importPages(
      (async function* () {
        yield [5, 6];
        yield [6, 7];
      })(),
    );
    expect(pageCount).toBe(3);
    expect(await store.hqLists.readPages(id, 0, 10)).toHaveLength(3);
    expect(await stagedIds()).toEqual([other]);
  });
});
