import { openDb } from '@florilegium/db';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Schema } from '../src/schema.ts';
import { createStore } from '../src/store.ts';
import { completeListRun, predictSets, trainEnsemble } from './loop-events.ts';
import { startTestService, type TestService, until } from './service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: inject('databaseUrl'), natsUrl: inject('natsUrl'), name: 'walk' });
});
afterAll(() => service.stop());

const labelOf = (pageId: number) => (service.world.isHq(pageId) ? 'HQ' : 'LQ');
const post = (labels: object[], headers?: Record<string, string>) => service.post('/v1/labels', { labels }, headers);

const train = (number: number) => trainEnsemble(service, number);
const predict = (ensembleId: string) => predictSets(service, ensembleId);
const iteration = async (number: number) => (await service.get(`/v1/iterations/${number}`)).body;

describe('labels', () => {
  it('are refused one by one, by index and with the reason, while the others are recorded', async () => {
    const [train] = service.world.pageIdsOf('train');
    const [heldout] = service.world.pageIdsOf('heldout');
    const [stop] = service.world.pageIdsOf('stop');
    const { status, body } = await post([
      { pageId: train, label: 'HQ', queue: 'initial', tookMs: 900 },
      { pageId: heldout, label: 'HQ' },
      { pageId: stop, label: 'LQ' },
      { pageId: 99, label: 'LQ' },
      { pageId: train, label: 'BEAUTIFUL' },
    ]);
    expect(status).toBe(200);
    expect(body.recordedCount).toBe(1);
    expect(body.refused).toMatchObject([
      { index: 1, pageId: heldout, code: 'failed_precondition', message: expect.stringContaining('heldout') },
      { index: 2, pageId: stop, code: 'failed_precondition' },
      { index: 3, pageId: 99, code: 'not_found', message: 'page 99 is not known' },
      { index: 4, code: 'invalid_argument', message: 'labels[4].label is not HQ, LQ or NOT_SURE: BEAUTIFUL' },
    ]);
  });

  it('name the field and index of what is no label at all, and the role they need', async () => {
    const { status, body } = await post([
      { pageId: 1, label: 'HQ' },
      { pageId: 'x', label: 'HQ' },
    ]);
    expect([status, body.field]).toEqual([400, 'labels.1.pageId']);
    expect((await post([{ pageId: 1, label: 'HQ' }], { authorization: 'Bearer v' })).status).toBe(403);
    expect((await post(Array.from({ length: 501 }, () => ({ pageId: 1, label: 'HQ' })))).status).toBe(400);
  });

  it('are refused by index and field where they name no iteration, and none of the others is lost', async () => {
    const [train] = service.world.pageIdsOf('train');
    const huge = await post([
      { pageId: train, label: 'HQ' },
      { pageId: train, label: 'HQ', iteration: 3_000_000_000 },
    ]);
    expect([huge.status, huge.body.code, huge.body.field]).toEqual([400, 'invalid_argument', 'labels.1.iteration']);
    const unknown = await post([{ pageId: train, label: 'HQ', iteration: 2 ** 31 - 1 }]);
    expect(unknown.body).toEqual({
      recordedCount: 0,
      refused: [
        { index: 0, pageId: train, code: 'not_found', message: 'labels[0].iteration is not known: 2147483647' },
      ],
    });
    expect((await service.get('/v1/review-queues/review?iteration=3000000000')).status).toBe(400);
    expect((await service.get('/v1/labels?after=3000000000')).status).toBe(400);
  });

  it('come once for one Idempotency-Key, even when two requests race', async () => {
    const pageId = service.world.pageIdsOf('train')[1];
    const headers = { 'idempotency-key': 'twice' };
    const answers = await Promise.all([1, 2, 3].map(() => post([{ pageId, label: 'HQ', queue: 'initial' }], headers)));
    expect(answers.map(({ body }) => body)).toEqual(Array(3).fill({ recordedCount: 1, refused: [] }));
    const other = await post([{ pageId, label: 'LQ', queue: 'initial' }], headers);
    expect([other.status, other.body.code, other.body.field]).toEqual([409, 'already_exists', 'Idempotency-Key']);
    expect((await service.get(`/v1/labels/${pageId}/events`)).body.events).toHaveLength(1);
  });

  it('are checked alike on either transport', async () => {
    const labels = [
      {
        pageId: service.world.pageIdsOf('train')[2]!,
        label: 'LABEL_HQ' as const,
        iteration: 0,
        tookMs: 0,
        queue: 'x'.repeat(5000),
      },
    ];
    await expect(service.grpc.recordLabels({ labels })).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(service.grpc.recordLabels({ labels: [], idempotencyKey: 'k'.repeat(5000) })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await expect(
      service.grpc.recordLabels({ labels: [{ ...labels[0]!, queue: '', tookMs: -1 }] }),
    ).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it('are taken back by an event, and the one before stands again', async () => {
    const pageId = service.world.pageIdsOf('unlabelled')[0];
    await post([{ pageId, label: 'HQ' }], { authorization: 'Bearer c' });
    await post([{ pageId, label: 'LQ' }]);
    expect((await service.post(`/v1/labels/${pageId}/undo`)).body).toEqual({ pageId, undone: 'LQ', current: 'HQ' });
    expect((await service.post(`/v1/labels/${pageId}/undo`)).body).toEqual({ pageId, undone: 'HQ', current: null });
    expect((await service.post(`/v1/labels/${pageId}/undo`)).body.code).toBe('failed_precondition');
    expect((await service.post('/v1/labels/98/undo')).status).toBe(404);
    const [one, other] = service.world.pageIdsOf('unlabelled').slice(1, 3);
    const headers = { 'idempotency-key': 'undo' };
    await post([one, other].map((id) => ({ pageId: id, label: 'LQ' })));
    expect((await service.post(`/v1/labels/${one}/undo`, {}, headers)).body.pageId).toBe(one);
    expect((await service.post(`/v1/labels/${one}/undo`, {}, headers)).body.pageId).toBe(one);
    expect((await service.post(`/v1/labels/${other}/undo`, {}, headers)).status).toBe(409);
    await service.post(`/v1/labels/${other}/undo`);
    const { events } = (await service.get(`/v1/labels/${pageId}/events`)).body;
    expect(events.map(({ kind, by }: { kind: string; by: string }) => `${kind} ${by}`)).toEqual([
      'label carl',
      'label olga',
      'undo olga',
      'undo olga',
    ]);
  });

  it('are taken back by the request that gave them, never the newer one of somebody else', async () => {
    const pageId = service.world.pageIdsOf('unlabelled')[3]!;
    const undo = (key: string, headers = {}) => service.post(`/v1/labels/${pageId}/undo?ofRequest=${key}`, {}, headers);
    await post([{ pageId, label: 'HQ' }], { 'idempotency-key': 'mine' });
    await post([{ pageId, label: 'LQ' }], { authorization: 'Bearer c', 'idempotency-key': 'his' });
    const refused = await undo('mine');
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      400,
      'failed_precondition',
      `page ${pageId} has a label of carl by now, which stays: LQ`,
    ]);
    // Another person's key is not this person's.
    expect((await undo('his')).status).toBe(400);
    expect((await undo('his', { authorization: 'Bearer c' })).body).toEqual({ pageId, undone: 'LQ', current: 'HQ' });
    expect((await undo('mine', { 'idempotency-key': 'once' })).body.current).toBeNull();
    expect((await undo('mine', { 'idempotency-key': 'once' })).body.current).toBeNull();
    expect((await undo('mine')).body.detail).toBe(`page ${pageId} has no label to take back`);
  });

  it('are read by key, and counted', async () => {
    const first = (await service.get('/v1/labels?limit=1')).body;
    expect(first.labels).toHaveLength(1);
    const second = (await service.get(`/v1/labels?limit=5&after=${first.next}`)).body;
    expect(second.labels.map(({ pageId }: { pageId: number }) => pageId)).toEqual([
      service.world.pageIdsOf('train')[1],
    ]);
    expect(second.next).toBeNull();
    expect((await service.get('/v1/labels/summary')).body).toEqual({
      pages: 2,
      events: 14,
      byLabel: { HQ: 2, LQ: 0, NOT_SURE: 0 },
      askedCount: 2,
      byQueue: { initial: 2 },
      trainable: { HQ: 2, LQ: 0, NOT_SURE: 0 },
    });
  });
});

describe('an iteration', () => {
  it('does not start while a class has no label', async () => {
    const { status, body } = await service.post('/v1/iterations');
    expect([status, body.code]).toEqual([400, 'failed_precondition']);
    expect(body.detail).toContain('labelled LQ');
  });

  it('asks first for the train pages that have an image, mixed over items and blind', async () => {
    const missing = service.world.pageIdsOf('train')[5]!;
    service.world.withoutImage.add(missing);
    const { pages, iteration: number } = (await service.get('/v1/review-queues/initial?limit=1000')).body;
    expect(number).toBeNull();
    expect(pages).toHaveLength(57);
    expect(pages.some(({ pageId }: { pageId: number }) => pageId === missing)).toBe(false);
    expect(Object.keys(pages[0])).toEqual(['pageId', 'itemId', 'reason']);
    expect(new Set(pages.slice(0, 6).map(({ itemId }: { itemId: number }) => itemId)).size).toBe(6);
    const labels = pages.map(({ pageId }: { pageId: number }, index: number) => ({
      pageId,
      label: index === 3 ? 'NOT_SURE' : labelOf(pageId),
      queue: 'initial',
    }));
    expect((await post(labels)).body).toEqual({ recordedCount: 57, refused: [] });
    expect((await service.get('/v1/review-queues/initial')).body.pages).toEqual([]);
  });

  it('starts once for one key, and no second one starts beside it', async () => {
    const headers = { 'idempotency-key': 'iteration-1' };
    const answers = await Promise.all([1, 2].map(() => service.post('/v1/iterations', { method: 'probe' }, headers)));
    expect(answers.map(({ status, body }) => [status, body.number, body.state])).toEqual([
      [202, 1, 'training'],
      [202, 1, 'training'],
    ]);
    const misused = await service.post('/v1/iterations', { parameters: { seed: 2 } }, headers);
    expect([misused.status, misused.body.field]).toEqual([409, 'Idempotency-Key']);
    const other = await service.post('/v1/iterations');
    expect([other.status, other.body.detail]).toEqual([400, 'iteration 1 is training; one iteration runs at a time']);
    expect((await service.post('/v1/iterations', {}, { authorization: 'Bearer c' })).status).toBe(403);
  });

  it('comes to its review event by event, each delivered twice', async () => {
    const before = await iteration(1);
    expect(before).toMatchObject({ labelCount: 59, ensembleId: null, predictionRuns: {} });
    const ensembleId = await train(1);
    await until(
      'predicting',
      () => iteration(1),
      ({ state }) => state === 'predicting',
    );
    // Inference does not know the ensemble yet, so the runs are asked for again and again.
    await until(
      'asked again',
      () => service.world.starts.length,
      (count) => count > 4,
    );
    await predict(ensembleId);
    const reviewed = await until(
      'review',
      () => iteration(1),
      ({ state }) => state === 'review',
    );
    expect(reviewed).toMatchObject({
      ensembleId,
      outOfFold: { accuracy: 0.9, auc: 0.95, logLoss: 0.2, pageCount: 59 },
      curves: { kappa: null, changeOfMind: null },
      verdict: { decision: 'continue' },
      backboneName: 'classic',
    });
    expect(Object.keys(reviewed.predictionRuns).sort()).toEqual(['heldout', 'stop', 'train', 'unlabelled']);
    const { A, B, C, D } = reviewed.triage;
    expect(A + B + C + D).toBe(100);
    expect(B + D).toBe(20);
    expect(reviewed.triage.MISPREDICTION).toBeGreaterThan(0);
    expect(service.world.runs.size).toBe(4);
    await until(
      'announced',
      () => service.payloadsOf('curation.iteration.predicted').length,
      (count) => count === 1,
    );
    const { moves } = (await service.get('/v1/iterations/1/moves')).body;
    expect(moves.map(({ state }: { state: string }) => state)).toEqual([
      'draft',
      'frozen',
      'training',
      'predicting',
      'review',
    ]);
  });

  it('judges a label by the members that never saw its book', async () => {
    const { pages } = (await service.get('/v1/review-queues/misprediction')).body;
    for (const { pageId, currentLabel, reason } of pages) {
      const judges = service.world.membersOf('out of fold 1', pageId).slice(0, 4);
      expect(judges.some((p) => (p >= 0.5 ? 'HQ' : 'LQ') !== currentLabel)).toBe(true);
      expect(reason).toContain('of 4 members');
    }
  });

  it('asks for pages with its reason and guess, and not again once they are labelled', async () => {
    const { pages, iteration: number } = (await service.get('/v1/review-queues/review?limit=10')).body;
    expect(number).toBe(1);
    expect(pages).toHaveLength(10);
    expect(pages[0]).toMatchObject({
      triageClass: expect.stringMatching(/^[ABCD]$/),
      reason: expect.any(String),
      prediction: { members: expect.any(Array), mean: expect.any(Number) },
    });
    const labels = pages.map(({ pageId }: { pageId: number }) => ({
      pageId,
      label: labelOf(pageId),
      queue: 'review',
      iteration: 1,
    }));
    await post(labels);
    const after = (await service.get('/v1/review-queues/review?limit=1000')).body.pages;
    const asked = new Set(labels.map(({ pageId }: { pageId: number }) => pageId));
    expect(after.some(({ pageId }: { pageId: number }) => asked.has(pageId))).toBe(false);
    expect((await service.get('/v1/review-queues')).body.queues).toMatchObject([
      // The one page of train without a label has no image: nobody can be asked.
      { name: 'initial', count: 0 },
      { name: 'review', count: after.length },
      { name: 'notsure' },
      { name: 'misprediction' },
      { name: 'uncertain' },
      { name: 'audit', count: 0 },
    ]);
  });

  it('proposes relabels in the reference form and makes label events of accepted ones', async () => {
    const typeC: number[][] = (await service.get('/v1/iterations/1/relabels/type_c')).body;
    expect(typeC.length).toBeGreaterThan(1);
    expect(typeC.every(([, label]) => label === 0 || label === 1)).toBe(true);
    const typeBD: number[][] = (await service.get('/v1/iterations/1/relabels/type_b_d')).body;
    expect(typeBD.every((row) => row.length === 1)).toBe(true);
    const [pageId, label] = typeC[0]!;
    const accept = await service.post('/v1/iterations/1/relabels/type_c/accept', { pageIds: [pageId, typeBD[0]![0]] });
    expect(accept.body).toMatchObject({ recordedCount: 1, refused: [{ index: 1, code: 'failed_precondition' }] });
    const { events } = (await service.get(`/v1/labels/${pageId}/events`)).body;
    expect(events.at(-1)).toMatchObject({
      label: label === 0 ? 'HQ' : 'LQ',
      queue: 'relabels',
      iteration: 1,
      by: 'olga',
    });
    const rest: number[][] = (await service.get('/v1/iterations/1/relabels/type_c')).body;
    expect(rest.some(([id]) => id === pageId)).toBe(false);
  });

  it('fails with the reason of its training, is retried with the same labels, and blocks the next until then', async () => {
    const started = await service.post('/v1/iterations');
    expect(started.body).toMatchObject({ number: 2, parentEnsembleId: (await iteration(1)).ensembleId });
    expect((await iteration(1)).state).toBe('closed');
    const { id: iterationId, labelSetId } = started.body;
    const failure = { trainingId: uuidv7(), labelSetId, iterationId, reason: 'no embedding came' };
    await service.publishTwice('trainer.training.failed', failure);
    const failed = await until(
      'failed',
      () => iteration(2),
      ({ state }) => state === 'failed',
    );
    expect(failed.reason).toBe('no embedding came');
    expect((await service.post('/v1/iterations')).body.detail).toContain('retry or cancel');
    const retried = await service.post('/v1/iterations/2/retry');
    expect(retried.body).toMatchObject({ state: 'training', labelSetId, reason: null });
    const events = await until(
      'announced again',
      () => service.payloadsOf('curation.label_set.frozen').filter(({ iterationNumber }) => iterationNumber === 2),
      (found) => found.length === 2,
    );
    expect(events[1]).toEqual(events[0]);
    // The first failure told once more, after the retry, is no new one.
    await service.publishTwice('trainer.training.failed', { ...failure });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await iteration(2)).state).toBe('training');
  });

  it('fails with a prediction run, and goes on from there when retried', async () => {
    const ensembleId = await train(2);
    service.world.recorded.add(ensembleId);
    const runs = await until(
      'runs',
      () => [...service.world.runs].filter(([key]) => key.startsWith(ensembleId)).map(([, run]) => run),
      (found) => found.length === 4,
    );
    const stop = runs.find(({ selection }) => selection === service.world.pageSetId('stop'))!;
    await service.publishTwice('inference.run.failed', {
      runId: stop.runId,
      ensembleId,
      pageSetId: stop.selection,
      rule: '',
      reason: 'disk full',
    });
    const failed = await until(
      'failed',
      () => iteration(2),
      ({ state }) => state === 'failed',
    );
    expect(failed.reason).toBe('the prediction run over stop: disk full');
    // Inference has finished the runs meanwhile: asked again it says so, and no event will come.
    for (const run of runs) run.state = 'done';
    await service.post('/v1/iterations/2/retry');
    const reviewed = await until(
      'review',
      () => iteration(2),
      ({ state }) => state === 'review',
    );
    expect(reviewed.curves.kappa).toBeGreaterThan(0.3);
    expect(reviewed.curves.kappa).toBeLessThan(1);
    expect(reviewed.curves.kappaLow).toBeLessThanOrEqual(reviewed.curves.kappa);
    expect(reviewed.curves.bySet.unlabelled.changeOfMindByMember).toHaveLength(5);
    expect(reviewed.verdict.reason).toContain('kappa with the ensemble before');
  });

  it('is cancelled with an event, and cannot come back by a late one', async () => {
    const { body } = await service.post('/v1/iterations');
    expect(body.number).toBe(3);
    expect((await service.post('/v1/iterations/3/cancel')).body.state).toBe('cancelled');
    expect((await service.post('/v1/iterations/3/cancel')).body.state).toBe('cancelled');
    await until(
      'told',
      () => service.payloadsOf('curation.iteration.cancelled').length,
      (count) => count === 1,
    );
    await train(3);
    await service.publishTwice('trainer.training.cancelled', {
      trainingId: uuidv7(),
      labelSetId: body.labelSetId,
      iterationId: body.id,
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await iteration(3)).toMatchObject({ state: 'cancelled', ensembleId: null });
    expect((await service.post('/v1/iterations/3/retry')).body.code).toBe('failed_precondition');
  });

  it('is followed as server-sent events and told by gRPC', async () => {
    const { body } = await service.get('/v1/iterations/2/events');
    expect(body).toMatch(/^event: progress\ndata: \{"id":/);
    const { iteration: message } = await service.grpc.getIteration({ number: 2 });
    expect(message).toMatchObject({ number: 2, state: 'ITERATION_STATE_CLOSED', method: 'probe' });
    await expect(service.grpc.getIteration({ number: 9 })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('an HQ list', () => {
  const list = async () => (await service.get('/v1/hq-lists/1')).body;

  it('predicts every candidate, freezes its pages and draws its audit', async () => {
    const headers = { 'idempotency-key': 'list' };
    // Nobody is asked for a page without an image, but a file of labels may name it: a label beats the score that it lacks, too.
    const missing = service.world.pageIdsOf('train')[5]!;
    expect([...service.world.withoutImage]).toEqual([missing]);
    await post([{ pageId: missing, label: 'HQ' }]);
    const started = await service.post('/v1/hq-lists', { auditCount: 40 }, headers);
    expect([started.status, started.body.version, started.body.state]).toEqual([202, 1, 'predicting']);
    expect((await service.post('/v1/hq-lists', { auditCount: 40 }, headers)).body.id).toBe(started.body.id);
    const misused = await service.post('/v1/hq-lists', { auditCount: 41 }, headers);
    expect([misused.status, misused.body.field]).toEqual([409, 'Idempotency-Key']);
    expect((await service.post('/v1/hq-lists', { auditCount: 5 })).body.detail).toContain('list 1 is predicting');
    expect((await service.get('/v1/hq-lists/1/pages')).body.code).toBe('failed_precondition');
    await completeListRun(service, started.body);
    const auditing = await until('auditing', list, ({ state }) => state === 'auditing');
    expect(auditing).toMatchObject({
      candidateCount: 249,
      noImageCount: 1,
      auditCount: 40,
      auditedCount: 0,
      audited: false,
    });
  });

  it('lets labels beat scores', async () => {
    const { pages } = (await service.get('/v1/hq-lists/1/pages?limit=1000')).body;
    const listed = new Map<number, { probability: number | null; chosenBy: string }>(
      pages.map((page: { pageId: number; probability: number; chosenBy: string }) => [page.pageId, page]),
    );
    const { labels } = (await service.get('/v1/labels?limit=1000')).body;
    let beaten = 0;
    for (const { pageId, label } of labels) {
      expect(listed.has(pageId)).toBe(label === 'HQ');
      if (label !== 'HQ') continue;
      expect(listed.get(pageId)?.chosenBy).toBe('label');
      const { probability } = listed.get(pageId)!;
      expect(probability === null).toBe(service.world.withoutImage.has(pageId));
      if (probability !== null && probability < 0.5) beaten++;
    }
    expect(beaten).toBeGreaterThan(0);
    expect(pages.length).toBe((await list()).pageCount);
  });

  it('samples heldout pages too but no labelled ones, and keeps the sample out of queues and label sets', async () => {
    const { pages } = (await service.get('/v1/review-queues/audit?limit=1000')).body;
    const sample: number[] = pages.map(({ pageId }: { pageId: number }) => pageId);
    expect(new Set(sample).size).toBe(40);
    expect(Object.keys(pages[0])).toEqual(['pageId', 'itemId', 'reason']);
    const heldout = new Set(service.world.pageIdsOf('heldout'));
    const labelled = new Set(
      (await service.get('/v1/labels?limit=1000')).body.labels.map((l: { pageId: number }) => l.pageId),
    );
    expect(sample.filter((pageId) => labelled.has(pageId))).toEqual([]);
    // A list holds heldout pages; an audit that never looks at them could not speak for it.
    expect(sample.some((pageId) => heldout.has(pageId))).toBe(true);
    const asked = (await service.get('/v1/review-queues/review?limit=1000')).body.pages;
    expect(asked.filter(({ pageId }: { pageId: number }) => sample.includes(pageId))).toEqual([]);
    const early = await post([{ pageId: sample[0], label: 'HQ', queue: 'review' }]);
    expect(early.body.refused[0].message).toContain('labelled blind, through the queue audit');
  });

  it('is published with precision and recall when the last audit label is in, also when two people give it', async () => {
    const sample: number[] = (await service.get('/v1/review-queues/audit?limit=1000')).body.pages.map(
      ({ pageId }: { pageId: number }) => pageId,
    );
    const give = (pageIds: number[]) =>
      post(pageIds.map((pageId) => ({ pageId, label: labelOf(pageId), queue: 'audit' })));
    await give(sample.slice(0, 10));
    expect((await service.post(`/v1/labels/${sample[0]}/undo`)).body.current).toBeNull();
    expect(await list()).toMatchObject({ state: 'auditing', auditedCount: 9 });
    await Promise.all([give([sample[0]!, ...sample.slice(10, 25)]), give(sample.slice(25))]);
    const published = await list();
    expect(published).toMatchObject({ state: 'published', audited: true, auditedCount: 40 });
    const pages = new Set<number>(
      (await service.get('/v1/hq-lists/1/pages?limit=1000')).body.pages.map((p: { pageId: number }) => p.pageId),
    );
    const scored = service.world.runs.get(`${published.ensembleId} hq-list-${published.id}`)!.pageIds;
    const candidates = [...scored, ...service.world.withoutImage];
    const found = [...pages].filter(service.world.isHq).length;
    expect(published.precisionLow).toBeLessThanOrEqual(found / pages.size);
    expect(published.precisionHigh).toBeGreaterThanOrEqual(found / pages.size);
    const recall = found / candidates.filter(service.world.isHq).length;
    expect(published.recallLow).toBeLessThanOrEqual(recall);
    expect(published.recallHigh).toBeGreaterThanOrEqual(recall);
    await until(
      'told',
      () => service.payloadsOf('curation.hq_list.published').length,
      (count) => count === 1,
    );
  });

  it('leaves audited pages out of the next label set', async () => {
    const audited = (await service.get('/v1/labels?queue=audit&limit=1000')).body.labels.map(
      ({ pageId }: { pageId: number }) => pageId,
    );
    expect(audited.length).toBeGreaterThan(0);
    const { pages, trainable } = (await service.get('/v1/labels/summary')).body;
    const { labelSetId, counts } = (await service.post('/v1/iterations')).body;
    // What a person is told of the next label set is what it then holds.
    expect(trainable).toEqual(counts);
    expect(pages).toBeGreaterThanOrEqual(counts.HQ + counts.LQ + counts.NOT_SURE + audited.length);
    const ids: number[] = [];
    for await (const { pages } of service.grpc.streamLabelSet({ labelSetId })) ids.push(...pages.map((p) => p.pageId));
    expect(ids.length).toBeGreaterThan(60);
    expect(ids.filter((pageId) => audited.includes(pageId))).toEqual([]);
    await service.post('/v1/iterations/4/cancel');
  });

  it('reads the same by JSON page by page, as text, as CSV and by gRPC, and says when nothing changed', async () => {
    const ids: number[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const { pages, next }: { pages: { pageId: number }[]; next: number | null } = (
        await service.get(`/v1/hq-lists/1/pages?limit=20&after=${after}`)
      ).body;
      ids.push(...pages.map(({ pageId }) => pageId));
      after = next;
    }
    const text = await service.get('/v1/hq-lists/1/pages.txt');
    expect(text.body).toBe(`${ids.join('\n')}\n`);
    expect(text.headers.get('cache-control')).toContain('immutable');
    const again = await service.get('/v1/hq-lists/1/pages.txt', { 'if-none-match': text.headers.get('etag')! });
    expect([again.status, again.body]).toEqual([304, '']);
    const csv = await service.get('/v1/hq-lists/1/pages.csv');
    expect(csv.body).toMatch(/^pageId,probability,chosenBy,title,.*,bhlAddress\n/);
    expect(csv.body.trim().split('\n')).toHaveLength(ids.length + 1);
    const streamed: number[] = [];
    for await (const { pages } of service.grpc.streamHqList({ version: 1 }))
      streamed.push(...pages.map((p) => p.pageId));
    expect(streamed).toEqual(ids);
    const { hqLists } = await service.grpc.listHqLists({});
    expect(hqLists).toMatchObject([{ version: 1, state: 'published', audited: true, pageCount: ids.length }]);
  });

  it('is cancelled while it is being made, with its run, and another may begin', async () => {
    const started = await service.post('/v1/hq-lists', { auditCount: 10 });
    expect(started.body).toMatchObject({ version: 2, state: 'predicting' });
    const db = openDb<Schema>({ url: service.databaseUrl, schema: 'curation' });
    const list = await until(
      'run',
      () => createStore(db).hqLists.findById(started.body.id),
      (found) => found!.runId !== null,
    ).finally(() => db.close());
    const withdraw = () => service.post('/v1/hq-lists/2/withdraw', { reason: 'the wrong rule' });
    expect((await withdraw()).body).toMatchObject({ state: 'cancelled', reason: 'the wrong rule' });
    expect(service.world.cancelled).toEqual([list!.runId]);
    expect((await withdraw()).body.state).toBe('cancelled');
    expect((await service.get('/v1/hq-lists/2/pages')).body.code).toBe('failed_precondition');
    // The run's end, told late, wakes nothing.
    await completeListRun(service, started.body);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await service.get('/v1/hq-lists/2')).body.state).toBe('cancelled');
    const { body: events } = await service.get('/v1/hq-lists/2/events');
    expect(events).toContain('"state":"cancelled"');
  });

  it('may be published without an audit, and never calls itself audited then', async () => {
    const started = await service.post('/v1/hq-lists', { auditCount: 0, threshold: 0.9 });
    await completeListRun(service, started.body);
    const second = await until(
      'published',
      async () => (await service.get('/v1/hq-lists/3')).body,
      ({ state }) => state === 'published',
    );
    expect(second).toMatchObject({ audited: false, precision: null, recall: null, auditCount: 0 });
    expect(second.pageCount).toBeLessThan((await list()).pageCount);
    const withdrawn = await service.post('/v1/hq-lists/3/withdraw', { reason: 'too strict' });
    expect(withdrawn.body).toMatchObject({ state: 'withdrawn', reason: 'too strict' });
    expect((await service.get('/v1/hq-lists/3/pages')).status).toBe(200);
  });
});

describe('the pages for people', () => {
  it('show the docs of all five services from this origin alone', async () => {
    const docs = await service.get('/docs/', { authorization: '' });
    expect(docs.status).toBe(200);
    expect(docs.body).toContain('/v1/openapi/trainer.json');
    expect(docs.body).not.toMatch(/cdn\.jsdelivr|fonts\.scalar|googleapis/);
    expect((await service.get('/docs/js/scalar.js', { authorization: '' })).status).toBe(200);
  });

  it('describe every route in OpenAPI 3.1 with the role it needs', async () => {
    const { body } = await service.get('/v1/openapi/curation.json', { authorization: '' });
    expect(body.openapi).toBe('3.1.0');
    expect(body.paths['/v1/labels'].post.description).toContain('Needs the role `curator`');
    expect(Object.keys(body.paths).length).toBeGreaterThan(15);
  });
});
