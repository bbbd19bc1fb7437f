import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { completeListRun, predictSets, trainEnsemble } from './loop-events.ts';
import { startTestService, type TestService, until } from './service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: inject('databaseUrl'), natsUrl: inject('natsUrl'), name: 'outside' });
  const labels = service.world
    .pageIdsOf('train')
    .map((pageId) => ({ pageId, label: service.world.isHq(pageId) ? 'HQ' : 'LQ' }));
  await service.post('/v1/labels', { labels });
  await service.post('/v1/iterations');
  await predictSets(service, await trainEnsemble(service, 1));
  await until(
    'review',
    async () => (await service.get('/v1/iterations/1')).body,
    ({ state }) => state === 'review',
  );
});
afterAll(() => service.stop());

it('an audit looks outside the candidates too, at pages with an image, blind and in one queue', async () => {
  service.world.reservoir.push(...Array.from({ length: 60 }, (_, at) => 5000 + at));
  for (const pageId of [5003, 5004, 5005, 5006, 5007]) service.world.withoutImage.add(pageId);
  // An audit that looks at no candidate would say nothing of the list.
  for (const outsideCount of [10, 11]) {
    const tooMany = await service.post('/v1/hq-lists', { auditCount: 10, outsideCount });
    expect([tooMany.status, tooMany.body.field]).toEqual([400, 'outsideCount']);
  }
  const started = await service.post('/v1/hq-lists', { auditCount: 72 });
  expect(started.status).toBe(202);
  await completeListRun(service, started.body);
  const list = async () => (await service.get('/v1/hq-lists/1')).body;
  const auditing = await until('auditing', list, ({ state }) => state === 'auditing');
  expect(auditing).toMatchObject({ auditCount: 72, auditedCount: 0, outside: null });

  const asked: { pageId: number }[] = (await service.get('/v1/review-queues/audit?limit=1000')).body.pages;
  expect(asked).toHaveLength(72);
  const outside = asked.map(({ pageId }) => pageId).filter((pageId) => pageId >= 5000);
  expect(outside).toHaveLength(12);
  expect(outside.filter((pageId) => service.world.withoutImage.has(pageId))).toEqual([]);
  // The order of the lot mixes them: a curator cannot tell which pages are of which kind.
  expect(asked.slice(0, 60).some(({ pageId }) => pageId >= 5000)).toBe(true);
  expect([...service.world.fetched.values()][0]).toHaveLength(24);

  const labels = asked.map(({ pageId }) => ({
    pageId,
    label: pageId >= 5000 ? (pageId === outside[0] ? 'HQ' : 'LQ') : service.world.isHq(pageId) ? 'HQ' : 'LQ',
    queue: 'audit',
  }));
  expect((await service.post('/v1/labels', { labels })).body).toEqual({ recordedCount: 72, refused: [] });
  const published = await list();
  expect(published).toMatchObject({
    state: 'published',
    audited: true,
    outside: { pageCount: 1200, auditedCount: 12, hqCount: 1, share: 1 / 12 },
  });
  expect(published.outside.shareLow).toBeGreaterThan(0);
  expect(published.outside.shareHigh).toBeLessThan(0.4);
  // A hundred HQ pages that the rule never offered weigh more than those the ensemble missed.
  expect(published.outside.recall).toBeLessThan(published.recall);
  expect(published.outside.recallHigh).toBeLessThanOrEqual(1);
});

it('an audit gives to the candidates what the reservoir lacks', async () => {
  service.world.reservoir.length = 0;
  const started = await service.post('/v1/hq-lists', { auditCount: 12, outsideCount: 6 });
  await completeListRun(service, started.body);
  await until(
    'auditing',
    async () => (await service.get('/v1/hq-lists/2')).body,
    ({ state }) => state === 'auditing',
  );
  const { pages } = (await service.get('/v1/review-queues/audit')).body;
  expect(pages.filter(({ pageId }: { pageId: number }) => pageId < 5000)).toHaveLength(12);
});
