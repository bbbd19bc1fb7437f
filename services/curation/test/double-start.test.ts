import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { predictSets, trainEnsemble } from './loop-events.ts';
import { startTestService, type TestService, until } from './service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: inject('databaseUrl'), natsUrl: inject('natsUrl'), name: 'double' });
  const labels = service.world
    .pageIdsOf('train')
    .map((pageId) => ({ pageId, label: service.world.isHq(pageId) ? 'HQ' : 'LQ' }));
  await service.post('/v1/labels', { labels });
});
afterAll(() => service.stop());

const announced = () => service.payloadsOf('curation.label_set.frozen').length;
const iteration = async (number: number) => (await service.get(`/v1/iterations/${number}`)).body;
const succeeded = (results: PromiseSettledResult<unknown>[]) =>
  results.filter((result) => result.status === 'fulfilled').length;

it('many starts at once, by either transport, make one iteration with one label set', async () => {
  const results = await Promise.allSettled([
    ...Array.from({ length: 5 }, async () => {
      const { status, body } = await service.post('/v1/iterations', { parameters: { seed: 3 } });
      if (status !== 202) throw new Error(body.detail);
    }),
    ...Array.from({ length: 5 }, () => service.grpc.startIteration({ method: 'probe', parametersJson: '{"seed":3}' })),
  ]);
  expect(succeeded(results)).toBe(1);
  for (const result of results)
    if (result.status === 'rejected') expect(String(result.reason)).toContain('one iteration runs at a time');
  const { iterations } = (await service.get('/v1/iterations')).body;
  expect(iterations).toMatchObject([{ number: 1, state: 'training', method: 'probe', parameters: { seed: 3 } }]);
  await until('announced', announced, (count) => count > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(announced()).toBe(1);
});

it('a failure that trying again may mend is retried once, however many ask for it at once', async () => {
  const { id: iterationId, labelSetId } = await iteration(1);
  await service.publishTwice('trainer.training.failed', {
    trainingId: uuidv7(),
    labelSetId,
    iterationId,
    reason: 'a worker was lost',
  });
  await until(
    'failed',
    () => iteration(1),
    ({ state }) => state === 'failed',
  );
  const results = await Promise.allSettled([
    ...Array.from({ length: 4 }, async () => {
      const { status, body } = await service.post('/v1/iterations/1/retry');
      if (status !== 200) throw new Error(body.detail);
    }),
    ...Array.from({ length: 4 }, () => service.grpc.retryIteration({ number: 1 })),
  ]);
  expect(succeeded(results)).toBe(1);
  await until('announced again', announced, (count) => count > 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(announced()).toBe(2);
  expect(await iteration(1)).toMatchObject({ state: 'training', labelSetId, reason: null });
});

it('the history keeps every state with its reason, and a review is closed by gRPC', async () => {
  await predictSets(service, await trainEnsemble(service, 1));
  await until(
    'review',
    () => iteration(1),
    ({ state }) => state === 'review',
  );
  const closed = await service.grpc.closeIteration({ number: 1 });
  expect(closed.iteration).toMatchObject({ state: 'ITERATION_STATE_CLOSED', parametersJson: '{"seed":3}' });
  expect((await service.grpc.closeIteration({ number: 1 })).iteration?.state).toBe('ITERATION_STATE_CLOSED');
  const { moves } = (await service.get('/v1/iterations/1/moves')).body;
  expect(moves.map(({ state, reason }: { state: string; reason: string | null }) => [state, reason])).toEqual([
    ['draft', null],
    ['frozen', null],
    ['training', null],
    ['failed', 'a worker was lost'],
    ['training', null],
    ['predicting', null],
    ['review', null],
    ['closed', null],
  ]);
});

it('the labels that the ensemble believes least come first of those it contradicts', async () => {
  const { pages } = (await service.get('/v1/review-queues/misprediction?limit=1000')).body;
  expect(pages.length).toBeGreaterThan(5);
  const believed = pages.map(({ pageId, currentLabel }: { pageId: number; currentLabel: string }) => {
    const judges = service.world.membersOf('out of fold 1', pageId).slice(0, 4);
    const mean = judges.reduce((sum, p) => sum + p, 0) / 4;
    return currentLabel === 'HQ' ? mean : 1 - mean;
  });
  for (const [at, { worth }] of pages.entries()) expect(worth).toBeCloseTo(1 - believed[at], 5);
  expect(believed[0]).toBe(Math.min(...believed));
});
