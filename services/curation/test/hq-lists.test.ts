import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { completeListRun, predictSets, trainEnsemble } from './loop-events.ts';
import { startTestService, type TestService, until } from './service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: inject('databaseUrl'), natsUrl: inject('natsUrl'), name: 'lists' });
  const { world } = service;
  const labels = world.pageIdsOf('train').map((pageId) => ({ pageId, label: world.isHq(pageId) ? 'HQ' : 'LQ' }));
  expect((await service.post('/v1/labels', { labels })).body.recordedCount).toBe(60);
  expect((await service.post('/v1/iterations')).status).toBe(202);
  await predictSets(service, await trainEnsemble(service, 1));
  await until(
    'review',
    async () => (await service.get('/v1/iterations/1')).body,
    ({ state }) => state === 'review',
  );
}, 60_000);
afterAll(() => service.stop());

const list = async (version: number) => (await service.get(`/v1/hq-lists/${version}`)).body;
const published = (version: number) =>
  until(
    `list ${version}`,
    () => list(version),
    ({ state }) => state === 'published' || state === 'failed',
  );

async function publish(body: object) {
  const started = await service.post('/v1/hq-lists', { auditCount: 0, ...body });
  expect(started.status).toBe(202);
  await completeListRun(service, started.body);
  return await published(started.body.version);
}

const upload = (text: string | Uint8Array<ArrayBuffer>, query: string, headers: Record<string, string> = {}) =>
  fetch(`${service.url}/v1/hq-lists/imports?${query}`, {
    method: 'POST',
    headers: { authorization: 'Bearer o', 'content-type': 'text/plain', ...headers },
    body: text,
  });

type Plate = { pageId: number; position: number; title: string; yearFrom: number; reuse: string; names: string[] };
const gallery = async (query: string, version = 1): Promise<{ total: number; next: number | null; pages: Plate[] }> => {
  const { status, body } = await service.get(`/v1/hq-lists/${version}/gallery?${query}`);
  expect(status).toBe(200);
  return body;
};

describe('a published list', () => {
  it('tells what its candidates without a score lack, and by which rule they were chosen', async () => {
    const [gone, late, later] = service.world.pageIdsOf('other');
    for (const pageId of [gone!, late!, later!]) service.world.withoutImage.add(pageId);
    for (const pageId of [late!, later!]) service.world.coming.add(pageId);
    expect(await publish({ threshold: 0.4 })).toMatchObject({
      version: 1,
      origin: 'published',
      candidateCount: 247,
      noImageCount: 3,
      imagePendingCount: 2,
      imageUnavailableCount: 1,
      ruleVersion: 2,
      ruleSha256: 'ab'.repeat(32),
      threshold: 0.4,
      targetPrecision: null,
      audited: false,
    });
  });

  it('is in the object store under its own hash', async () => {
    const { objectKey, pagesSha256 } = await until(
      'stored',
      () => list(1),
      ({ objectKey: key }) => key !== null,
    );
    expect(objectKey).toBe(`lists/${pagesSha256.slice(0, 2)}/${pagesSha256}.txt`);
    const stored = await service.objects.get(objectKey, { sha256: pagesSha256 });
    expect(stored.toString()).toBe((await service.get('/v1/hq-lists/1/pages.txt')).body);
  });

  it('is refused for a rule that nobody knows, and for a threshold beside a target', async () => {
    expect((await service.post('/v1/hq-lists', { auditCount: 0, rule: 'none' })).status).toBe(404);
    const both = await service.post('/v1/hq-lists', { auditCount: 0, threshold: 0.5, targetPrecision: 0.9 });
    expect([both.status, both.body.field]).toEqual([400, 'targetPrecision']);
  });

  it('is read as CSV with stories, quoted where a text needs it, and never as a formula', async () => {
    const { body } = await service.get('/v1/hq-lists/1/pages.csv');
    const lines: string[] = body.trim().split('\n');
    expect(lines).toHaveLength((await list(1)).pageCount + 1);
    expect(lines.some((line) => line.includes('"Étude des papillons, ""nouvelle"""'))).toBe(true);
    expect(lines.some((line) => line.includes(",'=Flora alpina,"))).toBe(true);
    expect(lines.some((line) => line.includes('Vanessa io; Bombyx mori'))).toBe(true);
    expect(lines[1]).toMatch(/,public_domain|,attribution/);
  });

  it('keeps what its candidates scored, and what any threshold would make of it', async () => {
    const { body } = await service.get('/v1/hq-lists/1/histogram');
    const { pageCount, expectedPrecision } = await list(1);
    expect(body).toMatchObject({ pageCount: 247, threshold: 0.4, judgedCount: 60 });
    expect(body.bins).toHaveLength(100);
    const at = (threshold: number) => body.thresholds[threshold * 100];
    expect(at(0.4)).toMatchObject({ listedCount: pageCount, expectedPrecision });
    expect(at(0.4).expectedPrecisionLow).toBeLessThanOrEqual(at(0.4).expectedPrecision);
    expect(at(0.9).expectedPrecision).toBeGreaterThan(at(0.4).expectedPrecision);
    expect(at(0.9).expectedRecall).toBeLessThan(at(0.4).expectedRecall);
    const iteration = (await service.get('/v1/iterations/1/histogram')).body;
    expect(iteration).toMatchObject({ pageCount: 100, threshold: null });
    expect((await service.get('/v1/iterations/9/histogram')).status).toBe(404);
  });
});

describe('a gallery', () => {
  it('is entered at any position and comes to the same pages', async () => {
    const all = await gallery('limit=500');
    expect(all).toMatchObject({ total: (await list(1)).pageCount, next: null });
    expect(all.pages[0]).toMatchObject({
      position: 0,
      width: 465,
      thumb: `/v1/images/${all.pages[0]!.pageId}?size=thumb`,
    });
    const middle = await gallery('position=17&limit=5');
    expect(middle.pages).toEqual(all.pages.slice(17, 22));
    expect(middle.next).toBe(22);
    expect(await gallery('position=100000')).toMatchObject({ pages: [], next: null });
  });

  it('finds titles and names by words, whatever their case and accents, years and rights', async () => {
    const { pages: all, total } = await gallery('limit=500');
    const etudes = await gallery('title=etude%20MERIAN&limit=500');
    expect(etudes.total).toBe(all.filter(({ title }) => title.startsWith('Étude')).length);
    const named = await gallery('name=vanessa&limit=500');
    expect(named.total).toBe(all.filter(({ names }) => names.length > 0).length);
    expect(named.total).toBeGreaterThan(0);
    const of1730s = await gallery('yearMin=1730&yearMax=1739&limit=500');
    expect(of1730s.pages.every(({ yearFrom }) => yearFrom >= 1730 && yearFrom <= 1739)).toBe(true);
    expect(of1730s.total).toBeGreaterThan(0);
    const free = await gallery('reuse=attribution&limit=500');
    expect(free.pages.every(({ reuse }) => reuse === 'attribution')).toBe(true);
    expect((await gallery('reuse=attribution&reuse=public_domain')).total).toBe(total);
    expect((await gallery('title=%25')).total).toBe(0);
    const { body } = await service.get('/v1/hq-lists/1/gallery/facets?title=etude');
    expect(body).toMatchObject({ total: etudes.total, unknownYearCount: 0 });
    const sum = (counts: number[]) => counts.reduce((one, other) => one + other, 0);
    expect(sum(Object.values(body.reuse))).toBe(etudes.total);
    expect(sum(body.decades.map(({ count }: { count: number }) => count))).toBe(etudes.total);
  });

  it('counts each facet as the rest of the filter leaves it, so that another choice can be seen', async () => {
    const facets = async (query: string) => (await service.get(`/v1/hq-lists/1/gallery/facets?${query}`)).body;
    const all = await facets('');
    const free = await facets('reuse=attribution');
    expect(Object.keys(all.reuse).length).toBeGreaterThan(1);
    expect(free.reuse).toEqual(all.reuse);
    expect(free.total).toBe(all.reuse.attribution);
    const of1730s = await facets('yearMin=1730&yearMax=1739');
    expect(of1730s.decades).toEqual(all.decades);
    const sum = (counts: number[]) => counts.reduce((one, other) => one + other, 0);
    expect(sum(Object.values(of1730s.reuse))).toBe(of1730s.total);
    const both = await facets('reuse=attribution&yearMin=1730&yearMax=1739');
    expect(both.total).toBe(of1730s.reuse.attribution ?? 0);
    expect(both.decades).toEqual(free.decades);
    expect(both.total).toBe((await gallery('reuse=attribution&yearMin=1730&yearMax=1739')).total);
  });

  it('shuffles by its seed alone, and orders by score and year', async () => {
    const ids = async (query: string) => (await gallery(`${query}&limit=500`)).pages.map(({ pageId }) => pageId);
    const shuffled = await ids('order=shuffle&seed=7');
    expect(await ids('order=shuffle&seed=7')).toEqual(shuffled);
    expect(await ids('order=shuffle&seed=8')).not.toEqual(shuffled);
    expect(shuffled.toSorted((one, other) => one - other)).toEqual(await ids('order=page'));
    const parts = [...(await ids('order=shuffle&seed=7&position=0')).slice(0, 9)];
    expect(parts).toEqual(shuffled.slice(0, 9));
    const scores = (await gallery('order=probability&limit=500')).pages as unknown as { probability: number }[];
    expect(scores.map(({ probability }) => probability)).toEqual(
      scores.map(({ probability }) => probability).toSorted((one, other) => other - one),
    );
    const years = (await gallery('order=year&limit=500')).pages.map(({ yearFrom }) => yearFrom);
    expect(years).toEqual(years.toSorted((one, other) => one - other));
  });

  it('never changes, says so, and is not there before the list is', async () => {
    const first = await service.get('/v1/hq-lists/1/gallery?order=shuffle&seed=3');
    expect(first.headers.get('cache-control')).toContain('immutable');
    const etag = first.headers.get('etag')!;
    expect((await service.get('/v1/hq-lists/1/gallery?order=shuffle&seed=3', { 'if-none-match': etag })).status).toBe(
      304,
    );
    expect((await service.get('/v1/hq-lists/1/gallery?order=shuffle&seed=4', { 'if-none-match': etag })).status).toBe(
      200,
    );
    expect((await service.get('/v1/hq-lists/99/gallery')).status).toBe(404);
    expect((await service.get('/v1/hq-lists/1/gallery?order=beauty')).status).toBe(400);
  });
});

describe('a list for a target precision', () => {
  it('is cut at the lowest threshold that is expected to reach it, with its lower bound beside it', async () => {
    const second = await publish({ targetPrecision: 0.8 });
    expect(second).toMatchObject({ version: 2, state: 'published', targetPrecision: 0.8, audited: false });
    expect(second.expectedPrecision).toBeGreaterThanOrEqual(0.8);
    expect(second.expectedPrecisionLow).toBeLessThanOrEqual(second.expectedPrecision);
    const { bins } = (await service.get('/v1/hq-lists/2/histogram')).body;
    expect(bins).toHaveLength(100);
    expect(second.threshold).toBeGreaterThan(0);
  });

  it('fails with the best there is when none reaches it', async () => {
    const third = await publish({ targetPrecision: 0.998 });
    expect(third.state).toBe('failed');
    expect(third.reason).toMatch(
      /no threshold is expected to reach a precision of 0.998; 0\.\d+ at 0\.\d+ comes nearest/,
    );
  }, 60_000);
});

describe('an imported list', () => {
  const text = '1003\r\n1000\n999999\n1000\n\n1006';

  it('is a version of its own, with pages that nobody here knows, and never audited', async () => {
    const answer = await upload(text, 'source=the%20list%20of%202020', { 'idempotency-key': 'import' });
    expect(answer.status).toBe(202);
    const { version } = (await answer.json()) as { version: number };
    expect(version).toBe(4);
    const again = await upload(text, 'source=the%20list%20of%202020', { 'idempotency-key': 'import' });
    expect(await again.json()).toMatchObject({ version: 4 });
    expect((await upload('1', 'source=other', { 'idempotency-key': 'import' })).status).toBe(409);
    expect(await published(4)).toMatchObject({
      state: 'published',
      origin: 'imported',
      source: 'the list of 2020',
      pageCount: 4,
      notCandidateCount: 1,
      unknownPageCount: 1,
      candidateCount: 250,
      audited: false,
      threshold: null,
      ensembleId: null,
      pagesSha256: createHash('sha256').update('1000\n1003\n1006\n999999\n').digest('hex'),
    });
    expect((await service.get('/v1/hq-lists/4/pages.txt')).body).toBe('1000\n1003\n1006\n999999\n');
    expect((await service.get('/v1/hq-lists/4/pages')).body.pages[0]).toEqual({
      pageId: 1000,
      probability: null,
      chosenBy: 'import',
    });
    const { pages } = await gallery('', 4);
    expect(pages.map(({ title }) => title)).toEqual([
      'Étude des papillons, "nouvelle"',
      '=Flora alpina',
      'Étude des papillons, "nouvelle"',
      '',
    ]);
    expect((await service.get('/v1/hq-lists/4/histogram')).status).toBe(404);
  });

  it('is refused with the line that is no PageID, without a page, and by a curator', async () => {
    const bad = await upload('1000\n<html>\n', 'source=x');
    expect(bad.status).toBe(400);
    expect(await bad.json()).toMatchObject({ detail: 'line 2 is not a PageID: "<html>"' });
    expect((await upload('\n', 'source=x')).status).toBe(400);
    expect((await upload('1', 'source=x&rule=none')).status).toBe(404);
    expect((await upload('1', 'source=x', { authorization: 'Bearer c' })).status).toBe(403);
    expect((await upload('1', '')).status).toBe(400);
    expect((await upload('{}', 'source=x', { 'content-type': 'application/json' })).status).toBe(400);
    expect((await service.get('/v1/hq-lists')).body.hqLists).toHaveLength(4);
  });
});

it('names the newest version in use, and none as audited that is not', async () => {
  expect((await service.get('/v1/hq-lists/newest')).body.version).toBe(2);
  expect((await service.get('/v1/hq-lists/newest?audited=true')).status).toBe(404);
});

describe('two versions', () => {
  it('are compared by count, page by page, as text and by gRPC', async () => {
    const idsOf = async (version: number) =>
      ((await service.get(`/v1/hq-lists/${version}/pages.txt`)).body as string).trim().split('\n').map(Number);
    const [one, four] = [await idsOf(1), await idsOf(4)];
    const dropped = one.filter((pageId) => !four.includes(pageId));
    const added = four.filter((pageId) => !one.includes(pageId));
    const { body } = await service.get('/v1/hq-lists/1/diff/4?change=dropped&limit=1000');
    expect(body).toEqual({
      from: 1,
      to: 4,
      addedCount: added.length,
      droppedCount: dropped.length,
      keptCount: four.length - added.length,
      change: 'dropped',
      pageIds: dropped,
      next: null,
    });
    const page = (await service.get('/v1/hq-lists/1/diff/4?change=dropped&limit=3')).body;
    expect(page.next).toBe(dropped[2]);
    const rest = (await service.get(`/v1/hq-lists/1/diff/4?change=dropped&limit=1000&after=${page.next}`)).body;
    expect(rest.pageIds).toEqual(dropped.slice(3));
    const text = (await service.get('/v1/hq-lists/1/diff/4/pages.txt')).body;
    expect(text).toBe([...dropped.map((id) => `-${id}\n`), ...added.map((id) => `+${id}\n`)].join(''));
    const streamed = { dropped: [] as number[], added: [] as number[] };
    for await (const part of service.grpc.streamHqListDifference({ fromVersion: 1, toVersion: 4 })) {
      streamed.dropped.push(...part.droppedPageIds);
      streamed.added.push(...part.addedPageIds);
    }
    expect(streamed).toEqual({ dropped, added });
    await expect(
      (async () => {
        for await (const _ of service.grpc.streamHqListDifference({ fromVersion: 1, toVersion: 3 }));
      })(),
    ).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it('are told by gRPC with their hashes, and imported pages without a probability', async () => {
    const { hqLists } = await service.grpc.listHqLists({});
    expect(hqLists.map(({ origin, audited }) => [origin, audited])).toEqual([
      ['published', false],
      ['published', false],
      ['published', false],
      ['imported', false],
    ]);
    expect(hqLists[0]).toMatchObject({
      ruleSha256: 'ab'.repeat(32),
      modelSha256: 'ab'.repeat(32),
      imagePendingCount: 2,
    });
    for await (const { pages } of service.grpc.streamHqList({ version: 4 }))
      expect(pages.every(({ probability }) => probability === undefined)).toBe(true);
  });
});
