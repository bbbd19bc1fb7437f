import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aLibrary, itemFile, pageFile, titleFile } from './an-export.ts';
import { type Harness, type Json, startHarness, until } from './harness.ts';

let harness: Harness;
let source: string;
const { rows, items } = aLibrary(30, 40);
const candidates = new Set(
  rows
    .filter(({ prefix, typeName }) => typeName === 'Illustration' || prefix === 'Tab.')
    .map(({ pageId }) => pageId as number),
);
const itemOf = new Map(rows.map(({ pageId, itemId }) => [pageId as number, itemId as number]));

beforeAll(async () => {
  harness = await startHarness('page-sets');
  await harness.start({ role: 'worker' });
  source = await harness.exportIn('library', {
    'page.txt': pageFile(rows),
    'item.txt': itemFile(items),
    'title.txt': titleFile([{ titleId: 501, title: 'Flora', author: 'Gmelin, J. G.' }]),
  });
});
afterAll(() => harness.close());

async function pagesOf(id: string): Promise<number[]> {
  const all: number[] = [];
  for (let after: number | null = -1; after !== null; ) {
    const { body }: { body: Json } = await harness.get(`/v1/page-sets/${id}/pages?limit=37&after=${after}`);
    all.push(...body.pageIds);
    after = body.next;
  }
  return all;
}

const draw = (body: object) => harness.post('/v1/page-sets', body);

describe('before an import', () => {
  it('there is nothing to draw from', async () => {
    expect(await draw({ name: 'train', countMax: 5 })).toMatchObject({
      status: 400,
      body: { code: 'failed_precondition' },
    });
    expect((await harness.get('/v1/pages')).body).toMatchObject({ code: 'failed_precondition' });
    expect((await harness.get('/v1/pages/1/why')).body).toMatchObject({ selected: false, reason: 'not_kept' });
  });
});

describe('page sets', () => {
  const sets: Record<string, { id: string; pages: number[] }> = {};

  it('are drawn disjoint, held-out items whole', async () => {
    expect((await harness.importFrom(source)).state).toBe('done');
    const plan = [
      { name: 'heldout', shareMax: 0.2, wholeItems: true },
      { name: 'stop', countMax: 1000, shareMax: 0.1 },
      { name: 'train', countMax: 40 },
      { name: 'unlabelled', countMax: 10_000 },
    ];
    const excludePageSetIds: string[] = [];
    for (const parameters of plan) {
      const { status, body } = await draw({ ...parameters, rule: 'illustrated', seed: 1, excludePageSetIds });
      expect(status).toBe(201);
      const pages = await pagesOf(body.id);
      expect(pages).toHaveLength(body.pageCount);
      expect(body.itemCount).toBe(new Set(pages.map((id) => itemOf.get(id))).size);
      sets[parameters.name] = { id: body.id, pages };
      excludePageSetIds.push(body.id);
    }
    const all = Object.values(sets).flatMap(({ pages }) => pages);
    expect(new Set(all)).toEqual(candidates);
    expect(all).toHaveLength(candidates.size);
    expect(sets.stop!.pages).toHaveLength(Math.floor(candidates.size / 10));
    expect(sets.train!.pages).toHaveLength(40);

    const held = new Set(sets.heldout!.pages.map((id) => itemOf.get(id)));
    const ofTheseItems = [...candidates].filter((id) => held.has(itemOf.get(id)));
    expect(sets.heldout!.pages).toEqual(ofTheseItems);
    expect(sets.heldout!.pages.length).toBeLessThanOrEqual(candidates.size / 5);
    expect(sets.heldout!.pages.length).toBeGreaterThan(candidates.size / 5 - 15);
    await until(() => harness.events.filter(({ name }) => name === 'catalog.page_set.created').length === 4);
  });

  it('answer the same draw with the same set, and refuse the name for another', async () => {
    const parameters = { name: 'train', countMax: 40, seed: 1, excludePageSetIds: [sets.stop!.id, sets.heldout!.id] };
    expect(await draw(parameters)).toMatchObject({ status: 200, body: { id: sets.train!.id } });
    expect(await draw({ ...parameters, seed: 2 })).toMatchObject({
      status: 409,
      body: { code: 'already_exists', field: 'name' },
    });
  });

  it('are drawn the same in another installation, and differently with another seed', async () => {
    const other = await startHarness('page-sets-again');
    try {
      await other.start({ role: 'worker' });
      // Another order of the file, so other physical rows.
      const half = Math.floor(items.length / 2);
      const turned = [
        ...rows.filter(({ itemId }) => (itemId as number) > half),
        ...rows.filter(({ itemId }) => (itemId as number) <= half),
      ];
      const folder = await other.exportIn('library', { 'page.txt': pageFile(turned), 'item.txt': itemFile(items) });
      await other.importFrom(folder);
      const again = async (name: string, body: object) => {
        const made = await other.post('/v1/page-sets', { name, ...body });
        return (await other.get(`/v1/page-sets/${made.body.id}/pages?limit=1000`)).body.pageIds;
      };
      expect(await again('heldout', { shareMax: 0.2, wholeItems: true })).toEqual(sets.heldout!.pages);
      const free = await draw({ name: 'free', countMax: 25, seed: 9 });
      expect(await again('free', { countMax: 25, seed: 9 })).toEqual(await pagesOf(free.body.id));
      expect(await again('free-2', { countMax: 25, seed: 10 })).not.toEqual(await pagesOf(free.body.id));
    } finally {
      await other.close();
    }
  });

  it('may be drawn within another, the share then being of its pages', async () => {
    const { body: base } = await draw({ name: 'base', countMax: 100, wholeItems: true, seed: 3 });
    const { body } = await draw({ name: 'base-part', shareMax: 0.5, withinPageSetId: base.id, seed: 3 });
    expect(base.pageCount).toBeLessThanOrEqual(100);
    expect(body.pageCount).toBe(Math.floor(base.pageCount / 2));
    const basePages = await pagesOf(base.id);
    expect((await pagesOf(body.id)).every((id) => basePages.includes(id))).toBe(true);
    const { body: whole } = await draw({
      name: 'base-items',
      shareMax: 0.4,
      wholeItems: true,
      withinPageSetId: base.id,
    });
    expect((await pagesOf(whole.id)).every((id) => basePages.includes(id))).toBe(true);
  });

  it('are made once when two ask at the same time', async () => {
    const body = { name: 'twice', countMax: 10 };
    const answers = await Promise.all([draw(body), draw(body), draw(body)]);
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
  });

  it('name what is wrong with a request', async () => {
    const unknown = '00000000-0000-7000-8000-000000000000';
    expect(await draw({ name: 'Bad name' })).toMatchObject({ status: 400, body: { field: 'name' } });
    expect(await draw({ name: 'a', shareMax: 2 })).toMatchObject({ status: 400, body: { field: 'shareMax' } });
    expect(await draw({ name: 'a', rule: 'best' })).toMatchObject({ status: 404 });
    expect(await draw({ name: 'a', withinPageSetId: unknown })).toMatchObject({ status: 404 });
    expect(await draw({ name: 'a', excludePageSetIds: [unknown] })).toMatchObject({ status: 404 });
    expect((await harness.get(`/v1/page-sets/${unknown}`)).status).toBe(404);
    expect((await harness.get('/v1/page-sets?name=a')).body).toEqual({ pageSets: [], next: null });
  });
});

describe('pages over REST', () => {
  it('are paged by id, by rule, by set, and by both', async () => {
    const all: number[] = [];
    for (let after = -1; ; ) {
      const { body } = await harness.get(`/v1/pages?rule=illustrated&limit=50&after=${after}`);
      all.push(...body.pages.map(({ pageId }: Json) => pageId));
      if (body.next === null) break;
      after = body.next;
    }
    expect(all).toEqual([...candidates]);
    const { body: set } = await harness.get('/v1/page-sets?name=train');
    const inSet = await harness.get(`/v1/pages?pageSetId=${set.pageSets[0].id}&limit=1000`);
    const both = await harness.get(`/v1/pages?pageSetId=${set.pageSets[0].id}&rule=reference&limit=1000`);
    expect(inSet.body.pages).toHaveLength(40);
    expect(both.body.pages.length).toBeLessThan(40);
    expect(both.body.pages.length).toBeGreaterThan(0);
  });

  it('tell their story, and why a rule selects them', async () => {
    const plate = rows.find(({ prefix, itemId }) => prefix === 'Plate' && itemId === 1)!;
    expect((await harness.get(`/v1/pages/${plate.pageId}`)).body).toMatchObject({
      pageId: plate.pageId,
      itemId: 1,
      titleId: 501,
      barCode: 'flora1',
      sequence: plate.sequence,
      title: 'Flora',
      authors: 'Gmelin, J. G.',
      year: '1836',
      rights: 'Public domain.',
      bhlAddress: `https://www.biodiversitylibrary.org/page/${plate.pageId}`,
      citation: `Gmelin, J. G. Flora, v.1 (1836). Plate ${plate.number}. Biodiversity Heritage Library, https://www.biodiversitylibrary.org/page/${plate.pageId}.`,
    });
    expect((await harness.get(`/v1/pages/${plate.pageId}/why?rule=reference`)).body).toMatchObject({
      selected: true,
      reason: 'selected',
      decidingRows: [{ prefix: 'Plate', prefixPattern: { name: 'plate' } }],
    });
    const double = rows.find((row, index) => rows[index + 1]?.pageId === row.pageId)!;
    expect((await harness.get(`/v1/pages/${double.pageId}/why`)).body).toMatchObject({
      selected: true,
      rule: 'illustrated',
      decidingRows: [{ typeName: 'Illustration', typeMatches: true, prefixPattern: null }],
    });
    expect((await harness.get(`/v1/pages/${double.pageId}/why?rule=reference`)).body).toMatchObject({
      selected: false,
    });
    expect((await harness.get('/v1/pages/999999')).status).toBe(404);
    expect((await harness.get('/v1/pages/plate')).status).toBe(400);
    expect((await harness.get('/v1/pages/999999/why?rule=best')).status).toBe(404);
  });

  it('list the rules with their candidates', async () => {
    const { body } = await harness.get('/v1/pages/rules');
    expect(body.rules.map(({ name, candidateCount }: Json) => [name, candidateCount])).toEqual([
      ['illustrated', candidates.size],
      ['reference', expect.any(Number)],
    ]);
  });
});

describe('over gRPC', () => {
  it('starts and tells an import', async () => {
    const operator = harness.rpcOf('o');
    const { import: started } = await operator.startImport({ source, idempotencyKey: 'grpc-1' });
    const { import: again } = await operator.startImport({ source, idempotencyKey: 'grpc-1' });
    expect(again!.run!.id).toBe(started!.run!.id);
    await harness.endOf(started!.run!.id);
    const { import: ended } = await harness.rpcOf('v').getImport({ importId: started!.run!.id });
    expect(ended).toMatchObject({
      run: { state: 'RUN_STATE_DONE' },
      candidateCounts: { illustrated: candidates.size },
    });
    expect(ended!.run!.createdAt).toBeInstanceOf(Date);
  });

  it('streams pages of a rule, of a set, after an id, and by id', async () => {
    const client = harness.rpcOf('v');
    const collect = async (request: Parameters<typeof client.streamPages>[0]) => {
      const ids: number[] = [];
      for await (const { pages } of client.streamPages(request)) ids.push(...pages.map(({ pageId }) => pageId));
      return ids;
    };
    const all = [...candidates];
    expect(await collect({ selection: { $case: 'rule', value: 'illustrated' } })).toEqual(all);
    expect(await collect({ selection: { $case: 'rule', value: '' }, afterPageId: all[99]! })).toEqual(all.slice(100));
    expect(await collect({ selection: { $case: 'pageIds', value: { pageIds: [all[5]!, 999_999, all[2]!] } } })).toEqual(
      [all[2], all[5]],
    );
    const { pageSets } = await client.listPageSets({ name: 'heldout' });
    const ids = await collect({ selection: { $case: 'pageSetId', value: pageSets[0]!.id } });
    expect(ids).toHaveLength(pageSets[0]!.pageCount);
    const [first] = (
      await client
        .streamPages({ selection: { $case: 'pageIds', value: { pageIds: [all[0]!] } } })
        [Symbol.asyncIterator]()
        .next()
    ).value.pages;
    expect(first).toMatchObject({ barCode: `flora${itemOf.get(all[0]!)}`, itemId: itemOf.get(all[0]!) });
  });

  it('draws a set that REST shows alike, and tells pages and reasons', async () => {
    const { pageSet } = await harness
      .rpcOf('o')
      .createPageSet({ name: 'by-grpc', rule: 'reference', seed: 5, countMax: 7 });
    expect((await harness.get(`/v1/page-sets/${pageSet!.id}`)).body).toMatchObject({
      name: 'by-grpc',
      pageCount: 7,
      seed: 5,
    });
    const client = harness.rpcOf('v');
    expect((await client.getPageSet({ pageSetId: pageSet!.id })).pageSet).toMatchObject({
      pageCount: 7,
      rule: 'reference',
    });
    const [pageId] = await pagesOf(pageSet!.id);
    expect((await client.getPage({ pageId })).page).toMatchObject({ ref: { pageId }, rows: [{ pagePrefix: 'Plate' }] });
    expect(await client.explainPage({ pageId, rule: 'reference' })).toMatchObject({ selected: true, ruleVersion: 1 });
  });

  it('refuses as REST does', async () => {
    const viewer = harness.rpcOf('v');
    await expect(viewer.createPageSet({ name: 'x' })).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(harness.rpcOf().getPage({ pageId: 1 })).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(viewer.getPage({ pageId: 999_999 })).rejects.toMatchObject({ code: 'not_found' });
    await expect(viewer.getPageSet({ pageSetId: 'heldout' })).rejects.toMatchObject({ code: 'invalid_argument' });
    const operator = harness.rpcOf('o');
    await expect(operator.startImport({ source: '/etc' })).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(operator.createPageSet({ name: 'train', seed: 77 })).rejects.toMatchObject({ code: 'already_exists' });
    const many = viewer.streamPages({ selection: { $case: 'pageIds', value: { pageIds: new Array(501).fill(1) } } });
    await expect(many[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
