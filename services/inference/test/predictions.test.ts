import { setTimeout as sleep } from 'node:timers/promises';
import { hashApiKey } from '@florilegium/auth';
import { ImageState } from '@florilegium/contracts/fetcher';
import { decodeHalfFloats, sigmoid, uncertaintyOf } from '@florilegium/ensemble/arithmetic';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, type RunView, range, startHarness, until } from './harness.ts';

let harness: Harness;
let worker: { stop(): Promise<void> };
let ensembleId: string;
const pageIds = range(1, 34);

beforeAll(async () => {
  harness = await startHarness('predictions');
  worker = await harness.start({ role: 'worker' });
  harness.pageSets.set('train', [...pageIds, 500, 501]);
  harness.pageSets.set('all', range(20, 14));
  harness.pageSets.set('empty', []);
  await harness.store(pageIds);
  ensembleId = await harness.recordEnsemble();
});
afterAll(() => harness?.close());

const startRun = async (body: Record<string, unknown>, key?: string) => {
  const response = await harness.post('/v1/prediction-runs', body, key ? { 'idempotency-key': key } : {});
  return { status: response.status, body: (await response.json()) as RunView & { code?: string; field?: string } };
};
const predictionsOf = async (query: string) =>
  (await (await harness.get(`/v1/predictions?${query}`)).json()) as {
    predictions: {
      pageId: number;
      members: number[];
      mean: number;
      entropy: number;
      disagreement: number;
      mutualInformation: number;
    }[];
    next: number | null;
  };

describe('a prediction run', () => {
  let runId: string;

  it('predicts every page that has an embedding, and counts those without an image', async () => {
    const started = await startRun({ ensembleId, pageSetId: 'train' });
    expect(started.status).toBe(202);
    runId = started.body.id;
    expect(await harness.endOf(runId)).toMatchObject({
      state: 'done',
      doneCount: 36,
      totalCount: 36,
      predictedCount: 34,
      noImageCount: 2,
    });
    await until(() => harness.events.length > 0);
    expect(harness.events).toEqual([
      {
        name: 'inference.run.completed',
        payload: { runId, ensembleId, pageSetId: 'train', rule: '', predictedCount: 34, noImageCount: 2 },
      },
    ]);
  });

  it('gives what the members say of the embeddings', async () => {
    const { values } = await harness.embeddingsOf(pageIds);
    const { predictions } = await predictionsOf(`runId=${runId}&limit=1000`);
    expect(predictions.map(({ pageId }) => pageId)).toEqual(pageIds);
    for (const { pageId, members, ...told } of predictions) {
      const embedding = decodeHalfFloats(values.get(pageId)!);
      const expected = [sigmoid((3 * embedding[4]! - 0.5) / 2), sigmoid((3 * embedding[30]! - 0.6) / 2)];
      for (const [member, probability] of members.entries()) expect(probability).toBeCloseTo(expected[member]!, 4);
      const uncertainty = uncertaintyOf(members);
      for (const [name, value] of Object.entries(told))
        expect(value, name).toBeCloseTo(uncertainty[name as keyof typeof uncertainty], 4);
    }
    expect(new Set(predictions.map(({ mean }) => mean)).size).toBeGreaterThan(10);
  });

  it('is read by key and range, streamed, and as files of the reference', async () => {
    const all = (await predictionsOf(`runId=${runId}&limit=1000`)).predictions;
    const first = await predictionsOf(`runId=${runId}&limit=30`);
    expect(first.next).toBe(30);
    expect((await predictionsOf(`runId=${runId}&limit=30&after=30`)).predictions.map(({ pageId }) => pageId)).toEqual([
      31, 32, 33, 34,
    ]);
    const middle = all.map(({ mean }) => mean).sort((a, b) => a - b)[17]!;
    const above = await predictionsOf(`runId=${runId}&limit=1000&meanMin=${middle}`);
    expect(above.predictions.map(({ pageId }) => pageId)).toEqual(
      all.filter(({ mean }) => mean >= middle).map(({ pageId }) => pageId),
    );

    const idsOf = async (query: string) =>
      (await predictionsOf(`runId=${runId}&limit=1000&${query}`)).predictions.map(({ pageId }) => pageId);
    const idsWhere = (holds: (page: (typeof all)[number]) => boolean) => all.filter(holds).map(({ pageId }) => pageId);
    const entropy = all.map((page) => page.entropy).sort((a, b) => a - b)[20]!;
    expect(await idsOf(`entropyMin=${entropy}`)).toEqual(idsWhere((page) => page.entropy >= entropy));
    expect(await idsOf(`entropyMax=${entropy}&decision=HQ`)).toEqual(
      idsWhere((page) => page.entropy <= entropy && page.mean >= 0.5),
    );
    expect(await idsOf('decision=LQ')).toEqual(idsWhere((page) => page.mean < 0.5));
    expect(await idsOf('disagreementMin=0.1')).toEqual(idsWhere((page) => page.disagreement >= 0.1));
    const byClass = {
      A: idsWhere((page) => page.disagreement === 0 && page.entropy <= entropy),
      B: idsWhere((page) => page.disagreement === 0 && page.entropy > entropy),
      C: idsWhere((page) => page.disagreement > 0 && page.entropy <= entropy),
      D: idsWhere((page) => page.disagreement > 0 && page.entropy > entropy),
    };
    for (const [name, ids] of Object.entries(byClass))
      expect(await idsOf(`triageClass=${name}&entropyThreshold=${entropy}`), name).toEqual(ids);
    expect(byClass.A.length * byClass.B.length).toBeGreaterThan(0);
    // Without a threshold it is the value under which four fifths of the run's pages lie.
    const quantile = all.map((page) => page.entropy).sort((a, b) => a - b)[Math.ceil(0.8 * all.length) - 1]!;
    expect(await predictionsOf(`runId=${runId}&limit=1000&triageClass=A`)).toMatchObject({
      entropyThreshold: quantile,
    });
    for (const query of ['meanMin=0.6&meanMax=0.5', 'entropyMin=0.6&entropyMax=0.5', 'entropyThreshold=0.3'])
      expect((await harness.get(`/v1/predictions?runId=${runId}&${query}`)).status, query).toBe(400);

    const streamed = [];
    for await (const { predictions } of harness.rpc.streamPredictions({ runId, afterPageId: 3 }))
      streamed.push(...predictions);
    expect(streamed).toHaveLength(31);
    expect(streamed[0]!.mean).toBeCloseTo(all[3]!.mean, 6);
    const streamedIds = async (query: Parameters<typeof harness.rpc.streamPredictions>[0]['query']) => {
      const ids: number[] = [];
      for await (const { predictions } of harness.rpc.streamPredictions({ runId, query }))
        ids.push(...predictions.map((prediction) => prediction.pageId));
      return ids;
    };
    expect(await streamedIds({ entropyMax: entropy, decision: 'DECISION_HQ' })).toEqual(
      idsWhere((page) => page.entropy <= entropy && page.mean >= 0.5),
    );
    expect(await streamedIds({ triageClass: 'TRIAGE_CLASS_B', entropyThreshold: entropy })).toEqual(byClass.B);
    await expect(streamedIds({ meanMin: 0.6, meanMax: 0.5 })).rejects.toThrow('meanMin');

    const file = (await (await harness.get(`/v1/prediction-runs/${runId}/members/1.json`)).json()) as Record<
      string,
      [number, number]
    >;
    expect(Object.keys(file)).toHaveLength(34);
    const [hq, lq] = file['7']!;
    expect(Math.exp(hq) / (Math.exp(hq) + Math.exp(lq))).toBeCloseTo(all[6]!.members[1]!, 5);
    expect((await harness.get(`/v1/prediction-runs/${runId}/members/2.json`)).status).toBe(400);
  });

  it('is the same run for the same question, whoever asks how', async () => {
    expect((await startRun({ ensembleId, pageSetId: 'train' })).body.id).toBe(runId);
    const { predictionRun } = await harness.rpc.startPredictionRun({
      ensembleId,
      selection: { $case: 'pageSetId', value: 'train' },
    });
    expect(predictionRun?.run).toMatchObject({ id: runId, state: 'RUN_STATE_DONE' });
    const both = await Promise.all([
      startRun({ ensembleId, rule: 'illustrated' }),
      startRun({ ensembleId, rule: 'illustrated' }),
    ]);
    expect(both[0]!.body.id).toBe(both[1]!.body.id);
    expect(await harness.endOf(both[0]!.body.id)).toMatchObject({ state: 'done', predictedCount: 14 });
    // The rule's candidates may have changed since: who wants that very answer again has its key.
    const again = await startRun({ ensembleId, rule: 'illustrated' }, 'list-1');
    expect(again.body.id).not.toBe(both[0]!.body.id);
    expect(await harness.endOf(again.body.id)).toMatchObject({ state: 'done', predictedCount: 14 });
    expect((await startRun({ ensembleId, rule: 'illustrated' }, 'list-1')).body.id).toBe(again.body.id);
    const keyed = await startRun({ ensembleId, pageSetId: 'empty' }, 'key-1');
    expect(await harness.endOf(keyed.body.id)).toMatchObject({ state: 'done', totalCount: 0 });
    expect((await startRun({ ensembleId, rule: 'illustrated' }, 'key-1')).body).toMatchObject({
      code: 'already_exists',
      field: 'Idempotency-Key',
    });
  });

  it('waits for images that are still being fetched', async () => {
    harness.pageSets.set('coming', [1, 620]);
    harness.fetcher.images.set(620, ImageState.IMAGE_STATE_PENDING);
    const { body } = await startRun({ ensembleId, pageSetId: 'coming' });
    await until(async () => (await harness.runOf(body.id)).totalCount === 2);
    await sleep(500);
    expect(await harness.runOf(body.id)).toMatchObject({ state: 'running', noImageCount: 0 });
    harness.fetcher.images.set(620, harness.fetcher.images.get(3)!);
    expect(await harness.endOf(body.id)).toMatchObject({ state: 'done', predictedCount: 2, noImageCount: 0 });
  });

  it('waits for embeddings that are still in work', async () => {
    const late = range(600, 5);
    harness.fetcher.pace = () => sleep(200);
    for (const pageId of late) harness.fetcher.images.set(pageId, harness.fetcher.images.get(1)!);
    harness.pageSets.set('late', late);
    const { body } = await startRun({ ensembleId, pageSetId: 'late' });
    expect(await harness.endOf(body.id)).toMatchObject({ state: 'done', predictedCount: 5, noImageCount: 0 });
    harness.fetcher.pace = async () => {};
  });

  it('is refused for what is not known or not right', async () => {
    expect((await startRun({ ensembleId: uuidv7(), pageSetId: 'train' })).body).toMatchObject({
      code: 'failed_precondition',
      field: 'ensembleId',
    });
    expect((await startRun({ ensembleId, pageSetId: 'nobody' })).status).toBe(404);
    expect((await startRun({ ensembleId, pageSetId: 'train', rule: 'illustrated' })).body).toMatchObject({
      code: 'invalid_argument',
    });
    expect((await startRun({ ensembleId: 'x', rule: 'illustrated' })).status).toBe(400);
    expect((await startRun({ ensembleId })).body).toMatchObject({ field: 'pageSetId' });
    expect((await harness.get(`/v1/prediction-runs/${uuidv7()}`)).status).toBe(404);
    await expect(harness.rpc.getPredictionRun({ runId: 'x' })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('can be cancelled, is told of, and can be started anew', async () => {
    harness.pageSets.set('slow', range(700, 12));
    for (const pageId of range(700, 12)) harness.fetcher.images.set(pageId, harness.fetcher.images.get(2)!);
    let hold = true;
    harness.fetcher.pace = async () => {
      while (hold) await sleep(20);
    };
    const { body } = await startRun({ ensembleId, pageSetId: 'slow' });
    await until(async () => (await harness.runOf(body.id)).totalCount === 12);
    expect((await predictionsOf(`runId=${body.id}`)) as unknown).toMatchObject({ code: 'failed_precondition' });
    const cancelled = await harness.rpc.cancelPredictionRun({ runId: body.id });
    expect(cancelled.predictionRun?.run?.state).toBe('RUN_STATE_CANCELLED');
    await until(() => harness.events.some(({ name }) => name === 'inference.run.cancelled'));
    hold = false;
    harness.fetcher.pace = async () => {};
    const again = await startRun({ ensembleId, pageSetId: 'slow' });
    expect(again.body.id).not.toBe(body.id);
    expect(await harness.endOf(again.body.id)).toMatchObject({ state: 'done', predictedCount: 12 });
    expect((await harness.post(`/v1/prediction-runs/${again.body.id}/cancel`)).status).toBe(400);
    expect((await harness.runOf(body.id)).predictedCount).toBe(0);
  });

  it('is cancelled by waiting for a batch that completes, not by locking against it', async () => {
    harness.pageSets.set('crossing', range(800, 12));
    for (const pageId of range(800, 12)) harness.fetcher.images.set(pageId, harness.fetcher.images.get(2)!);
    let hold = true;
    harness.fetcher.pace = async () => {
      while (hold) await sleep(20);
    };
    const { body } = await startRun({ ensembleId, pageSetId: 'crossing' });
    await until(async () => (await harness.runOf(body.id)).totalCount === 12);
    let cancelled: Promise<Response> | undefined;
    // What completing a batch does, in its order: the batch, then the run.
    await harness.db.inTransaction(async ({ kysely }) => {
      await sql`update work_batch set heartbeat_at = now() where run_id = ${body.id}`.execute(kysely);
      cancelled = harness.post(`/v1/prediction-runs/${body.id}/cancel`);
      await until(async () => {
        const { rows } =
          await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`.execute(
            harness.db.kysely,
          );
        return rows.length > 0;
      });
      await sql`update prediction_run set total_count = 12 where id = ${body.id}`.execute(kysely);
      await sql`insert into prediction select number, 800, '{0.5}', 0.5, 0.5, 0, 0 from prediction_run where id = ${body.id}`.execute(
        kysely,
      );
    });
    expect((await cancelled)!.status).toBe(200);
    // Nobody can ever read what the batch wrote.
    const { rows } = await sql`
      select 1 from prediction join prediction_run on number = run_number where state not in ('running', 'done')`.execute(
      harness.db.kysely,
    );
    expect(rows).toEqual([]);
    hold = false;
    harness.fetcher.pace = async () => {};
  });

  it('ends the same however often its worker is killed', async () => {
    await worker.stop();
    const many = range(2000, 60);
    harness.pageSets.set('many', many);
    for (const pageId of many) harness.fetcher.images.set(pageId, harness.fetcher.images.get(1 + (pageId % 30))!);
    harness.fetcher.pace = () => sleep(15);
    const { body } = await startRun({ ensembleId, pageSetId: 'many' });
    // Moments that differ from run to run: while pages are listed, embedded, predicted or written.
    for (let kill = 0; kill < 3; kill++) {
      const child = harness.spawnService({ ROLE: 'worker' });
      const before = (await harness.runOf(body.id)).doneCount;
      await until(
        async () => (await harness.runOf(body.id)).doneCount > before || child.exitCode !== null,
        30_000,
      ).catch(() => {});
      await sleep(Math.random() * 300);
      child.kill('SIGKILL');
    }
    worker = await harness.start({ role: 'worker' });
    expect(await harness.endOf(body.id, 60_000)).toMatchObject({ state: 'done', doneCount: 60, predictedCount: 60 });
    const { predictions } = await predictionsOf(`runId=${body.id}&limit=1000`);
    expect(predictions.map(({ pageId }) => pageId)).toEqual(many);
    harness.fetcher.pace = async () => {};
    harness.pageSets.set('many again', many);
    const undisturbed = await startRun({ ensembleId, pageSetId: 'many again' });
    await harness.endOf(undisturbed.body.id);
    expect((await predictionsOf(`runId=${undisturbed.body.id}&limit=1000`)).predictions).toEqual(predictions);
  }, 200_000);
});

describe('an ensemble', () => {
  it('is recorded only when its files have the right hashes', async () => {
    const event = await harness.anEnsemble();
    const manifest = await harness.objects.get(event.manifestKey);
    await harness.objects.put(event.manifestKey, Buffer.concat([manifest, Buffer.from(' ')]));
    await harness.publish('trainer.ensemble.trained', event);
    await sleep(400);
    expect((await startRun({ ensembleId: event.ensembleId, rule: 'illustrated' })).body.code).toBe(
      'failed_precondition',
    );
    // The event is delivered again, and by then the files are right.
    await harness.objects.put(event.manifestKey, manifest);
    await until(async () => (await startRun({ ensembleId: event.ensembleId, rule: 'illustrated' })).status === 202);
  });

  it.each([
    ['damaged', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])])],
    ['cut', (bytes: Buffer) => bytes.subarray(0, 40)],
  ])(
    'whose weights are %s fails its run, naming the file, and the next run goes on',
    async (_name, spoil) => {
      const event = await harness.anEnsemble();
      await harness.publish('trainer.ensemble.trained', event);
      const isRecorded = async () =>
        (await startRun({ ensembleId: event.ensembleId, pageSetId: 'nobody' })).status === 404;
      await until(isRecorded);
      const manifest = JSON.parse(String(await harness.objects.get(event.manifestKey))) as {
        members: { weights: { key: string } }[];
      };
      const { key } = manifest.members[1]!.weights;
      const whole = await harness.objects.get(key);
      await harness.objects.put(key, spoil(whole));
      try {
        const { body } = await startRun({ ensembleId: event.ensembleId, pageSetId: 'train' });
        const end = await harness.endOf(body.id, 90_000);
        expect(end).toMatchObject({ state: 'failed', predictedCount: 0 });
        expect(end.reason).toContain(key);
      } finally {
        await harness.objects.put(key, whole);
      }
      const again = await startRun({ ensembleId: event.ensembleId, pageSetId: 'train' });
      expect(await harness.endOf(again.body.id)).toMatchObject({ state: 'done', predictedCount: 34 });
    },
    150_000,
  );

  it('of another backbone is not mixed with the one that serves', async () => {
    const event = await harness.anEnsemble('ee'.repeat(32));
    await harness.publish('trainer.ensemble.trained', event);
    await until(
      async () =>
        (await startRun({ ensembleId: event.ensembleId, rule: 'illustrated' })).body.code !== 'failed_precondition',
    );
    expect((await startRun({ ensembleId: event.ensembleId, rule: 'illustrated' })).body).toMatchObject({
      code: 'invalid_argument',
      field: 'ensembleId',
    });
  });
});

describe('similar pages', () => {
  it('are found by embedding, the nearest first', async () => {
    const response = await harness.get('/v1/similar?pageId=1&limit=5');
    const { pages } = (await response.json()) as { pages: { pageId: number; similarity: number }[] };
    expect(pages).toHaveLength(5);
    // Pages 600 to 604 show the same image.
    expect(pages[0]!.similarity).toBeCloseTo(1, 4);
    expect(pages.map(({ similarity }) => similarity)).toEqual(
      pages.map(({ similarity }) => similarity).sort((a, b) => b - a),
    );
    expect(pages.map(({ pageId }) => pageId)).not.toContain(1);
    expect((await harness.get('/v1/similar?pageId=77777')).status).toBe(404);
  });

  it('are found among given pages', async () => {
    const ask = async (body: object) => {
      const response = await harness.post('/v1/similar', body);
      const told = (await response.json()) as { pages: { pageId: number; similarity: number }[]; field?: string };
      return { status: response.status, ...told };
    };
    const { pages: all } = (await (await harness.get('/v1/similar?pageId=1&limit=200')).json()) as {
      pages: { pageId: number; similarity: number }[];
    };
    const within = [3, 9, 1, 12, 33, 999_999];
    const { pages } = await ask({ pageId: 1, withinPageIds: within, countMax: 3 });
    expect(pages).toEqual(all.filter(({ pageId }) => within.includes(pageId)).slice(0, 3));
    expect(await ask({ pageId: 1, withinPageIds: Array.from({ length: 20_001 }, () => 1) })).toMatchObject({
      status: 400,
      field: 'withinPageIds',
    });
    expect((await ask({ pageId: 77_777, withinPageIds: within })).status).toBe(404);
  });
});

describe('roles', () => {
  it('are asked for', async () => {
    const sha256 = hashApiKey('v');
    const api = await harness.start({
      role: 'api',
      authRequired: true,
      apiKeys: [{ name: 'vera', role: 'viewer', sha256 }],
    });
    const call = (path: string, method: string) =>
      fetch(`http://127.0.0.1:${api.httpPort}${path}`, {
        method,
        headers: { authorization: 'Bearer v', 'content-type': 'application/json' },
        ...(method === 'POST' ? { body: JSON.stringify({ ensembleId, rule: 'illustrated' }) } : {}),
      });
    expect((await call('/v1/prediction-runs', 'GET')).status).toBe(200);
    expect((await call('/v1/prediction-runs', 'POST')).status).toBe(403);
    expect((await fetch(`http://127.0.0.1:${api.httpPort}/v1/prediction-runs`)).status).toBe(401);
    await api.stop();
  });
});
