import { openDb } from '@florilegium/db';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Schema } from '../src/schema.ts';
import { createStore } from '../src/store.ts';
import { predictSets, trainEnsemble } from './loop-events.ts';
import { type Answer, startTestService, type TestService, until } from './service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: inject('databaseUrl'), natsUrl: inject('natsUrl'), name: 'files' });
});
afterAll(() => service.stop());

const carl = { authorization: 'Bearer c' };
const give = (pageId: number, label: string, headers?: Record<string, string>) =>
  service.post('/v1/labels', { labels: [{ pageId, label }] }, headers);
const importFile = async (text: string, query = '', headers: Record<string, string> = {}) => {
  const response = await fetch(`${service.url}/v1/labels/file${query}`, {
    method: 'POST',
    headers: { authorization: 'Bearer o', 'content-type': 'application/json', ...headers },
    body: text,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

it('a labels file is imported in one piece and says what it overwrote and what it could not take, by line', async () => {
  const [one, two, three, four] = service.world.pageIdsOf('train');
  const [heldout] = service.world.pageIdsOf('heldout');
  await give(one!, 'LQ', carl);
  await give(two!, 'LQ', carl);
  const text = `{"${one}": 0,\n"${two}": 1,\n"${three}": 2,\n"Enter": 1,\n"${heldout}": 0,\n"77": 0,\n"${four}": 7}`;
  const headers = { 'idempotency-key': 'file-1' };
  const { status, body } = await importFile(text, '', headers);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    recordedCount: 2,
    unchangedCount: 1,
    overwrittenCount: 1,
    overwritten: [{ pageId: one, before: 'LQ', now: 'HQ', by: 'carl' }],
    refusedCount: 4,
  });
  expect(body.refused).toEqual([
    { line: 4, key: 'Enter', code: 'invalid_argument', message: 'the key is not a PageID' },
    { line: 7, key: `${four}`, code: 'invalid_argument', message: 'the value is not 0, 1 or 2: 7' },
    { line: 5, key: `${heldout}`, code: 'failed_precondition', message: expect.stringContaining('never labelled') },
    { line: 6, key: '77', code: 'not_found', message: 'page 77 is not known' },
  ]);
  expect((await importFile(text, '', headers)).body).toEqual(body);
  expect((await importFile('{}', '', headers)).status).toBe(409);
  expect((await service.get(`/v1/labels/${one}/events`)).body.events).toHaveLength(2);
  // Without a key, what stands makes no event either.
  expect((await importFile(text)).body).toMatchObject({ recordedCount: 0, unchangedCount: 3 });
});

it('a file that is none is refused with its line and changes nothing', async () => {
  const before = (await service.get('/v1/labels/summary')).body.events;
  const { status, body } = await importFile('{"1001": 0,\n"1002": [1]}');
  expect([status, body.code]).toEqual([400, 'invalid_argument']);
  expect(body.detail).toContain('line 2');
  expect((await importFile('{}', '?zero=NOT_SURE')).status).toBe(400);
  expect((await importFile('{}', '', { authorization: 'Bearer v' })).status).toBe(403);
  expect((await service.get('/v1/labels/summary')).body.events).toBe(before);
});

it('a labels file goes out as it came in, with either numbering', async () => {
  const { body } = await service.get('/v1/labels/file?zero=LQ');
  expect(body).toEqual(
    Object.fromEntries(
      service.world
        .pageIdsOf('train')
        .slice(0, 3)
        .map((id, at) => [id, [1, 0, 2][at]]),
    ),
  );
  expect((await importFile(JSON.stringify(body), '?zero=LQ')).body).toMatchObject({
    recordedCount: 0,
    unchangedCount: 3,
  });
});

it('labels can be read as they stood at any time, with what was taken back later', async () => {
  const pageId = service.world.pageIdsOf('train')[10]!;
  const times: string[] = [];
  const note = async () => {
    // The clock of PostgreSQL decides; a step of this one's is enough between two events.
    await new Promise((resolve) => setTimeout(resolve, 15));
    times.push(new Date().toISOString());
    await new Promise((resolve) => setTimeout(resolve, 15));
  };
  await note();
  await give(pageId, 'HQ', carl);
  await note();
  await give(pageId, 'LQ');
  await note();
  await service.post(`/v1/labels/${pageId}/undo`);
  await note();
  const stood: (string | undefined)[] = [];
  for (const time of times) {
    const { labels } = (await service.get(`/v1/labels?asOf=${time}&after=${pageId - 1}&limit=1`)).body;
    stood.push(labels.find((label: { pageId: number }) => label.pageId === pageId)?.label);
  }
  expect(stood).toEqual([undefined, 'HQ', 'LQ', 'HQ']);
  const file = (await service.get(`/v1/labels/file?asOf=${times[2]}`)).body;
  expect(file[pageId]).toBe(1);
  expect((await service.get('/v1/labels?asOf=yesterday')).status).toBe(400);
});

it('says who said what, and where people disagree', async () => {
  const pageId = service.world.pageIdsOf('train')[20]!;
  await give(pageId, 'HQ', carl);
  await give(pageId, 'HQ');
  const disagreeing = async () => (await service.get(`/v1/labels/disagreements?after=${pageId - 1}`)).body.pages;
  expect(await disagreeing()).toEqual([]);
  await give(pageId, 'NOT_SURE', carl);
  expect(await disagreeing()).toMatchObject([
    {
      pageId,
      current: 'NOT_SURE',
      opinions: [
        { label: 'NOT_SURE', by: 'carl' },
        { label: 'HQ', by: 'olga' },
      ],
    },
  ]);
  const { people } = (await service.get('/v1/labels/people')).body;
  expect(people.map(({ by }: { by: string }) => by)).toEqual(['carl', 'olga']);
  expect(people[1]).toMatchObject({ undoCount: 1, undoneCount: 1 });
  expect(people[0].givenCount).toBe(5);
  const mine = (await service.get('/v1/labels?by=carl&limit=1000')).body.labels;
  expect(mine).toHaveLength(people[0].currentCount);
});

it('all events go out, one a line, as they are told page by page', async () => {
  const { body, headers } = await service.get('/v1/labels/events');
  expect(headers.get('content-type')).toContain('application/x-ndjson');
  const events: { id: number; pageId: number; kind: string }[] = body
    .trim()
    .split('\n')
    .map((line: string) => JSON.parse(line));
  expect(events).toHaveLength((await service.get('/v1/labels/summary')).body.events);
  expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toSorted((one, other) => one - other));
  expect(events.some(({ kind }) => kind === 'undo')).toBe(true);
  const { pageId } = events[0]!;
  const ofPage = (await service.get(`/v1/labels/${pageId}/events`)).body.events;
  expect(events.filter((event) => event.pageId === pageId)).toEqual(ofPage);
  expect((await service.get('/v1/labels/events', { authorization: '' })).status).toBe(401);
});

describe('proposals', () => {
  it('are answered one by one, by filter and by file; a no is remembered, and answers are one transaction', async () => {
    const labels = service.world
      .pageIdsOf('train')
      .slice(0, 55)
      .map((pageId) => ({ pageId, label: service.world.isHq(pageId) ? 'HQ' : 'LQ' }));
    await service.post('/v1/labels', { labels });
    await service.post('/v1/iterations');
    await predictSets(service, await trainEnsemble(service, 1));
    await until(
      'review',
      async () => (await service.get('/v1/iterations/1')).body,
      ({ state }) => state === 'review',
    );
    const read = async (query = '') =>
      (await service.get(`/v1/iterations/1/proposals/type_c?limit=1000${query}`)).body.proposals as {
        pageId: number;
        itemId: number;
        ensembleLabel: string;
        probability: number;
      }[];
    const all = await read();
    expect(all.length).toBeGreaterThan(10);
    const likely = await read('&ensembleLabel=HQ&probabilityMin=0.7');
    expect(likely).toEqual(all.filter((p) => p.ensembleLabel === 'HQ' && p.probability >= 0.7));
    expect(likely.length).toBeGreaterThan(0);
    const answer = (what: string, body: object) => service.post(`/v1/iterations/1/relabels/type_c/${what}`, body);

    const refused = all.find(({ ensembleLabel }) => ensembleLabel === 'LQ')!;
    expect((await answer('refuse', { pageIds: [refused.pageId, 1] })).body).toMatchObject({
      recordedCount: 1,
      refused: [{ index: 1, pageId: 1, code: 'failed_precondition' }],
    });
    expect((await read()).map(({ pageId }) => pageId)).not.toContain(refused.pageId);
    expect((await answer('accept', { pageIds: [refused.pageId] })).body.recordedCount).toBe(0);
    // What is not accepted as it is still waits for a person's own label.
    const queue = (await service.get('/v1/review-queues/review?limit=1000')).body.pages;
    expect(queue.map(({ pageId }: { pageId: number }) => pageId)).toContain(refused.pageId);

    expect((await answer('accept', { ensembleLabel: 'HQ', probabilityMin: 0.7 })).body).toEqual({
      recordedCount: likely.length,
      refused: [],
    });
    const { events } = (await service.get(`/v1/labels/${likely[0]!.pageId}/events`)).body;
    expect(events.at(-1)).toMatchObject({ label: 'HQ', queue: 'relabels', iteration: 1, by: 'olga' });

    const file: number[][] = (await service.get('/v1/iterations/1/relabels/type_c?zero=LQ')).body;
    const kept = await read();
    expect(file).toEqual(kept.map(({ pageId, ensembleLabel }) => [pageId, ensembleLabel === 'LQ' ? 0 : 1]));
    const [first, second, third] = file as [number[], number[], number[]];
    const edited = [[first[0]!, 2], second, [third[0]!], [77, 0], [third[0]!, 5]];
    const back = await service.post('/v1/iterations/1/relabels/type_c?zero=LQ', edited);
    expect(back.body).toMatchObject({
      recordedCount: 2,
      refused: [
        { index: 2, message: 'row 2 has no label' },
        { index: 3, code: 'failed_precondition' },
        { index: 4, message: 'row 4 has the label 5, which is not 0, 1 or 2' },
      ],
    });
    const current = (await service.get(`/v1/labels?after=${first[0]! - 1}&limit=1`)).body.labels[0];
    expect(current).toMatchObject({ pageId: first[0], label: 'NOT_SURE' });
    const asked: number[][] = (await service.get('/v1/iterations/1/relabels/type_b_d')).body;
    const byHand = await service.post('/v1/iterations/1/relabels/type_b_d', [[asked[0]![0]!, 0]]);
    expect(byHand.body).toEqual({ recordedCount: 1, refused: [] });
  });

  it('are accepted once, whoever labels meanwhile', async () => {
    const db = openDb<Schema>({ url: service.databaseUrl, schema: 'curation' });
    try {
      const store = createStore(db);
      const waiting: number[][] = (await service.get('/v1/iterations/1/relabels/type_c')).body;
      const ids = waiting.map(([pageId]) => pageId!);
      expect(ids.length).toBeGreaterThan(4);
      const taken = ids[0]!;
      const accept = (body: object, headers?: Record<string, string>) =>
        service.post('/v1/iterations/1/relabels/type_c/accept', body, headers);
      let early: Promise<Answer[]> | undefined;
      await store.inTransaction(async (tx) => {
        // Somebody else's label is on its way while two people say yes to everything, and one sends the file back.
        await tx.lockLabels('shared');
        await tx.labels.addLabels('bob', [
          { pageId: taken, label: 'NOT_SURE', iteration: null, tookMs: null, queue: 'review' },
        ]);
        early = Promise.all([
          accept({ pageIds: [...ids, taken] }),
          accept({}, carl),
          service.post('/v1/iterations/1/relabels/type_c', waiting),
        ]);
        await new Promise((resolve) => setTimeout(resolve, 500));
      });
      const answers = (await early!).map(({ body }) => body);
      expect(answers.reduce((sum, { recordedCount }) => sum + recordedCount, 0)).toBe(ids.length - 1);
      for (const pageId of ids) {
        const { events } = (await service.get(`/v1/labels/${pageId}/events`)).body;
        expect(events).toHaveLength(1);
        expect(events[0].by === 'bob').toBe(pageId === taken);
      }
    } finally {
      await db.close();
    }
  });

  it('are answered once for one Idempotency-Key', async () => {
    const asked: number[][] = (await service.get('/v1/iterations/1/relabels/type_b_d')).body;
    const row = [[asked[0]![0]!, 0]];
    const headers = { 'idempotency-key': 'rows' };
    const path = '/v1/iterations/1/relabels/type_b_d';
    const answers = await Promise.all([1, 2].map(() => service.post(path, row, headers)));
    expect(answers.map(({ body }) => body)).toEqual(Array(2).fill({ recordedCount: 1, refused: [] }));
    expect((await service.post(path, [], headers)).status).toBe(409);
    const accept = () => service.post('/v1/iterations/1/relabels/notsure/accept', {}, headers);
    expect((await accept()).body).toEqual((await accept()).body);
  });
});
