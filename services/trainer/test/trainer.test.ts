import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TrainerServiceDefinition } from '@florilegium/contracts/trainer';
import type { EnsembleTrained } from '@florilegium/contracts/trainer/events';
import { openDb } from '@florilegium/db';
import { decodeHalfFloats, decodeOutOfFold, predict, selectBackend, unpackEnsemble } from '@florilegium/ensemble';
import { silentLog } from '@florilegium/log';
import { createRpcClient } from '@florilegium/rpc';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { Schema } from '../src/schema.ts';
import { clearWeights } from '../src/usecases/clear-weights.ts';
import { startIterationTraining } from '../src/usecases/start-training.ts';
import { embeddingOf, type FakeNeighbours, fakeNeighbours, isHqPage, labelsOf } from './fake-neighbours.ts';
import { type Ended, startTrainerRig, type TrainerRig } from './trainer-rig.ts';

let rig: TrainerRig;
let neighbours: FakeNeighbours;
let workers: { stop(): Promise<void> };
const operator = { authorization: 'Bearer o' };
const viewer = { authorization: 'Bearer v' };

beforeAll(async () => {
  rig = await startTrainerRig(inject('databaseUrl'), inject('natsUrl'));
  neighbours = fakeNeighbours();
  workers = await rig.startWorkers(neighbours);
});
afterAll(async () => {
  await workers.stop();
  await rig.stop();
});

const freeze = (
  labelSetId: string,
  given: { iterationId?: string; method?: string; parametersJson?: string; parentEnsembleId?: string } = {},
) =>
  rig.publish('curation.label_set.frozen', {
    iterationId: `iteration-${labelSetId}`,
    iterationNumber: 1,
    labelSetId,
    labelSetSha256: '',
    labelCount: 0,
    parentEnsembleId: '',
    method: 'probe',
    parametersJson: '',
    ...given,
  });

const post = async (body: object, headers: Record<string, string> = operator) => {
  const response = await rig.app.inject({ method: 'POST', url: '/v1/trainings', headers, payload: body });
  return { status: response.statusCode, body: response.json() };
};

const get = async (id: string) => (await rig.app.inject({ url: `/v1/trainings/${id}`, headers: viewer })).json();

/** The event by which the training of a label set ended, once a listener has heard it. */
const endOf = (labelSetId: string): Promise<Ended> =>
  vi.waitFor(
    () =>
      rig.ended.find((event) => event.payload.labelSetId === labelSetId) ?? expect.fail(`${labelSetId} has not ended`),
    {
      timeout: 25_000,
      interval: 50,
    },
  );

async function trainedOn(labelSetId: string): Promise<EnsembleTrained> {
  const { name, payload } = await endOf(labelSetId);
  expect([name, 'reason' in payload ? payload.reason : '']).toEqual(['trainer.ensemble.trained', '']);
  return payload as unknown as EnsembleTrained;
}

const load = async ({ manifestKey, manifestSha256 }: EnsembleTrained) =>
  unpackEnsemble(await rig.objects.get(manifestKey), manifestSha256, (key) => rig.objects.get(key));

describe('a frozen label set', () => {
  it('becomes an ensemble of five members that is right on pages it never saw', async () => {
    neighbours.addLabelSet('first', labelsOf(1, 160, 20));
    neighbours.unavailable.add(7).add(8).add(9);
    neighbours.pending.set(30, 2).set(31, 1);
    await freeze('first');
    const event = await trainedOn('first');
    expect(event).toMatchObject({
      iterationId: 'iteration-first',
      memberCount: 5,
      droppedPageCount: 3,
      backboneName: 'fake',
    });
    // 160 pages, 3 without an embedding, 8 NOT_SURE.
    expect(event.scores).toMatchObject({ pageCount: 149 });
    expect(event.scores!.accuracy).toBeGreaterThan(0.9);

    const { manifest, ensemble } = await load(event);
    expect(manifest).toMatchObject({
      ensembleId: event.ensembleId,
      labelSetId: 'first',
      temperature: event.temperature,
      tensorflowBackend: 'wasm',
    });
    await selectBackend('wasm', silentLog);
    const fresh = Array.from({ length: 100 }, (_, at) => 5000 + at);
    const probabilities = predict(ensemble, decodeHalfFloats(Buffer.concat(fresh.map(embeddingOf))));
    const right = fresh.filter((pageId, at) => probabilities[at * 5]! >= 0.5 === isHqPage(pageId));
    expect(right.length).toBeGreaterThan(80);

    const outOfFold = decodeOutOfFold(await rig.objects.get(event.outOfFoldKey, { sha256: event.outOfFoldSha256 }));
    expect(outOfFold).toHaveLength(157);
    expect(outOfFold.every((page) => page.members.length === 5)).toBe(true);
    expect(outOfFold.find((page) => page.pageId === 20)!.labelQuality).toBeNull();

    expect(await get(event.trainingId)).toMatchObject({
      state: 'done',
      doneCount: 5,
      ensembleId: event.ensembleId,
      phase: 'finish',
      tensorflowBackend: 'wasm',
      droppedPageCount: 3,
    });
  });

  it('gives the same weights for the same labels and seed, and others for another seed', async () => {
    neighbours.addLabelSet('twin-a', labelsOf(200, 80));
    neighbours.addLabelSet('twin-b', labelsOf(200, 80));
    neighbours.addLabelSet('twin-c', labelsOf(200, 80));
    await Promise.all([freeze('twin-a'), freeze('twin-b'), freeze('twin-c', { parametersJson: '{"seed": 2}' })]);
    const [a, b, c] = await Promise.all(
      ['twin-a', 'twin-b', 'twin-c'].map(async (id) => (await load(await trainedOn(id))).manifest),
    );
    const keys = (manifest: typeof a) => manifest!.members.map((member) => member.weights.key);
    expect(keys(a)).toEqual(keys(b));
    expect(keys(a)).not.toEqual(keys(c));
  });

  it('starts each member from the same member of the parent, unless the backbone has changed', async () => {
    neighbours.addLabelSet('parent', labelsOf(300, 100));
    neighbours.addLabelSet('child', labelsOf(300, 104));
    neighbours.addLabelSet('orphan', labelsOf(300, 104));
    await freeze('parent');
    const { ensembleId } = await trainedOn('parent');
    await freeze('child', { parentEnsembleId: ensembleId });
    const child = await load(await trainedOn('child'));
    expect(child.manifest.members.map((member) => member.warmStarted)).toEqual([true, true, true, true, true]);
    expect(child.manifest.parentEnsembleId).toBe(ensembleId);
    neighbours.backboneSha256 = 'c'.repeat(64);
    await freeze('orphan', { parentEnsembleId: ensembleId });
    const orphan = await load(await trainedOn('orphan'));
    neighbours.backboneSha256 = 'b'.repeat(64);
    expect(orphan.manifest.members.map((member) => member.warmStarted)).toEqual([false, false, false, false, false]);
  });

  it('is trained once when its event comes twice, and announced again when the iteration asks again', async () => {
    neighbours.addLabelSet('twice', labelsOf(400, 60));
    await freeze('twice');
    const { trainingId, ensembleId } = await trainedOn('twice');
    await freeze('twice');
    await vi.waitFor(
      () => expect(rig.ended.filter((event) => event.payload.labelSetId === 'twice')).toHaveLength(2),
      10_000,
    );
    expect(rig.ended.findLast((event) => event.payload.labelSetId === 'twice')!.payload).toMatchObject({
      trainingId,
      ensembleId,
    });
  });
});

describe('a training that cannot be', () => {
  it('fails at once on one class, saying which class is missing', async () => {
    neighbours.addLabelSet('one-class', new Map(Array.from({ length: 30 }, (_, at) => [at + 1, 'HQ'])));
    await freeze('one-class');
    const { name, payload } = await endOf('one-class');
    expect(name).toBe('trainer.training.failed');
    expect(payload).toMatchObject({
      iterationId: 'iteration-one-class',
      reason: 'the label set has 0 usable LQ pages; training needs at least 2 of each of HQ and LQ',
    });
    expect(await get(payload.trainingId)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('0 usable LQ'),
    });
  });

  it('fails by event for a method that is not here, naming what is, and for parameters that are not known', async () => {
    await freeze('distilled', { method: 'distil' });
    expect((await endOf('distilled')).payload).toMatchObject({
      reason: 'method: method distil is not available here; there is probe, finetune',
    });
    await freeze('odd', { parametersJson: '{"epochs": 3}' });
    expect((await endOf('odd')).payload).toMatchObject({
      reason: expect.stringContaining('parameters.epochs: parameter epochs is not known'),
    });
    await freeze('fatherless', { parentEnsembleId: '0192f0c1-2b3c-7def-8123-456789abcdef' });
    expect((await endOf('fatherless')).payload).toMatchObject({
      reason: expect.stringContaining('ensemble 0192f0c1-2b3c-7def-8123-456789abcdef is not known'),
    });
  });

  it('is refused by REST, naming the field', async () => {
    expect(await post({ labelSetId: 'x', method: 'distil' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_argument', field: 'method' },
    });
    expect(await post({ labelSetId: 'x', parameters: { l2: -1 } })).toMatchObject({
      status: 400,
      body: { field: 'parameters.l2' },
    });
    expect(await post({ labelSetId: 'x', parentEnsembleId: 'x' })).toMatchObject({
      status: 404,
      body: { field: 'parentEnsembleId' },
    });
    expect(await post({ labelSetId: 'x' }, viewer)).toMatchObject({ status: 403 });
  });

  it('fails when curation does not know the label set, and may be asked for again', async () => {
    const { body: first } = await post({ labelSetId: 'late' });
    await endOf('late');
    expect(await get(first.id)).toMatchObject({ state: 'failed', reason: 'label set late is not known' });
    neighbours.addLabelSet('late', labelsOf(500, 40));
    const { body: second } = await post({ labelSetId: 'late' });
    expect(second.id).not.toBe(first.id);
    await vi.waitFor(async () => expect(await get(second.id)).toMatchObject({ state: 'done' }), 20_000);
  });

  it('fails on an embedding that is not finite, naming its page', async () => {
    neighbours.addLabelSet('not-finite', labelsOf(520, 40));
    neighbours.corrupt.add(533);
    await freeze('not-finite');
    expect((await endOf('not-finite')).payload).toMatchObject({ reason: 'the embedding of page 533 is not finite' });
    neighbours.corrupt.clear();
  });

  it('fails on weights of its parent that are corrupt or gone, naming the file, and trains the next one', async () => {
    neighbours.addLabelSet('spoilt-parent', labelsOf(540, 40));
    const parameters = { memberCount: 1, l2: 0.037 };
    const { body } = await post({ labelSetId: 'spoilt-parent', parameters });
    await vi.waitFor(async () => expect(await get(body.id)).toMatchObject({ state: 'done' }), 20_000);
    const { ensembleId } = await get(body.id);
    const { key } = (await rig.store.trainings.listMembers(body.id))[0]!.weights;
    const whole = await rig.objects.get(key);
    const reasonOf = async (seed: number) => {
      const wish = { labelSetId: 'spoilt-parent', parameters: { ...parameters, seed }, parentEnsembleId: ensembleId };
      const { id } = (await post(wish)).body;
      await vi.waitFor(async () => expect(['done', 'failed']).toContain((await get(id)).state), 20_000);
      return (await get(id)).reason;
    };
    await rig.objects.put(key, Buffer.alloc(whole.length));
    expect(await reasonOf(2)).toContain(`weight file ${key} does not have the sha256`);
    await rig.objects.delete(key);
    expect(await reasonOf(3)).toContain(key);
    await rig.objects.put(key, whole);
    expect(await reasonOf(4)).toBeNull();
  });

  it('fails when embeddings never come', async () => {
    await workers.stop();
    workers = await rig.startWorkers(neighbours, { embeddingWaitMs: 1 });
    neighbours.addLabelSet('waiting', labelsOf(600, 40));
    neighbours.pending.set(605, 1e9);
    await freeze('waiting');
    expect((await endOf('waiting')).payload).toMatchObject({
      reason: 'the embeddings of 1 labelled pages did not come within 0.001 s',
    });
    await workers.stop();
    workers = await rig.startWorkers(neighbours);
  });
});

describe('REST and gRPC', () => {
  it('answer the same wish with the same training, on either transport', async () => {
    neighbours.addLabelSet('wish', labelsOf(700, 60));
    const { status, body } = await post({ labelSetId: 'wish' }, { ...operator, 'idempotency-key': 'k1' });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      labelSetId: 'wish',
      iterationId: null,
      method: 'probe',
      memberCount: 5,
      parameters: { seed: 1 },
    });
    expect((await post({ labelSetId: 'wish', parameters: { seed: 1 } })).body.id).toBe(body.id);
    const { client, close } = createRpcClient(TrainerServiceDefinition, { address: rig.grpcAddress, apiKey: 'o' });
    const { training } = await client.startTraining({
      labelSetId: 'wish',
      parametersJson: '{"classWeights":"balanced"}',
    });
    expect(training!.run!.id).toBe(body.id);
    const states: string[] = [];
    for await (const { training: now } of client.followTraining({ trainingId: body.id })) states.push(now!.run!.state);
    expect(states.at(-1)).toBe('RUN_STATE_DONE');
    expect((await client.getTraining({ trainingId: body.id })).training).toMatchObject({
      membersDone: 5,
      backboneName: 'fake',
    });
    await expect(client.getTraining({ trainingId: 'nobody' })).rejects.toMatchObject({ code: 'not_found' });
    close();
    const withKey = { ...operator, 'idempotency-key': 'k1' };
    expect((await post({ labelSetId: 'wish' }, withKey)).body.id).toBe(body.id);
    for (const other of [{ labelSetId: 'something else' }, { labelSetId: 'wish', parameters: { seed: 2 } }])
      expect(await post(other, withKey)).toMatchObject({
        status: 409,
        body: { code: 'already_exists', field: 'Idempotency-Key' },
      });
  });

  it('number epochs in the order in which they can be seen, whoever writes them', async () => {
    const { body } = await post({ labelSetId: 'epochs-in-turn', parameters: { seed: 3 } });
    const epochOf = (member: number) => ({ member, epoch: 900, loss: 1, stopLoss: null });
    let second: Promise<void> | undefined;
    let hasWritten = false;
    await rig.store.inTransaction(async ({ trainings }) => {
      await trainings.recordEpochs(body.id, [epochOf(0)]);
      second = rig.store.trainings.recordEpochs(body.id, [epochOf(1)]).then(() => {
        hasWritten = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      // Seen before the first one is, it would take a follower past that one's serial.
      expect(hasWritten).toBe(false);
    });
    await second;
    const epochs = await rig.store.trainings.listEpochs(body.id, 0, 10);
    expect(epochs.map(({ member }) => member)).toEqual([0, 1]);
  });

  it('send every epoch of every member and end with the last state', async () => {
    neighbours.addLabelSet('followed', labelsOf(800, 60));
    const { body } = await post({ labelSetId: 'followed', parameters: { memberCount: 2 } });
    const text = await (await fetch(`${rig.address}/v1/trainings/${body.id}/events`, { headers: viewer })).text();
    const events = text.split('\n\n').filter((part) => part.startsWith('event:'));
    const data = (event: string) => JSON.parse(event.slice(event.indexOf('data: ') + 6));
    const epochs = events.filter((event) => event.startsWith('event: epoch')).map(data);
    expect(new Set(epochs.map((epoch) => epoch.member))).toEqual(new Set([0, 1]));
    expect(epochs.filter((epoch) => epoch.member === 1).map((epoch) => epoch.epoch)).toEqual(
      Array.from({ length: epochs.filter((epoch) => epoch.member === 1).length }, (_, at) => at + 1),
    );
    expect(data(events.at(-1)!)).toMatchObject({ state: 'done', membersDone: 2, scores: { pageCount: 60 } });
  });

  it('list trainings newest first, a page at a time', async () => {
    const list = async (query: string) =>
      (await rig.app.inject({ url: `/v1/trainings?${query}`, headers: viewer })).json();
    const { trainings, next } = await list('limit=2');
    expect(trainings).toHaveLength(2);
    expect(trainings[0].id > trainings[1].id).toBe(true);
    expect(next).toBe(trainings[1].id);
    expect((await list(`limit=2&after=${next}`)).trainings[0].id < next).toBe(true);
    expect(await list('after=yesterday')).toMatchObject({ status: 400, field: 'after' });
  });
});

describe('cancelling', () => {
  const cancelIteration = (labelSetId: string) =>
    rig.publish('curation.iteration.cancelled', {
      iterationId: `iteration-${labelSetId}`,
      iterationNumber: 1,
      labelSetId,
    });

  it('stops a training that waits, tells its listeners, and cannot be undone by a worker', async () => {
    neighbours.addLabelSet('stopped', labelsOf(900, 40));
    neighbours.pending.set(905, 1e9);
    await freeze('stopped');
    await vi.waitFor(async () => {
      const { trainings } = (await rig.app.inject({ url: '/v1/trainings?limit=1', headers: viewer })).json();
      expect(trainings[0]).toMatchObject({ labelSetId: 'stopped', state: 'running' });
    }, 10_000);
    await cancelIteration('stopped');
    const { name, payload } = await endOf('stopped');
    expect(name).toBe('trainer.training.cancelled');
    neighbours.pending.delete(905);
    expect(await get(payload.trainingId)).toMatchObject({ state: 'cancelled', ensembleId: null });
    const again = await rig.app.inject({
      method: 'POST',
      url: `/v1/trainings/${payload.trainingId}/cancel`,
      headers: operator,
    });
    expect(again.json()).toMatchObject({ state: 'cancelled' });
    expect(rig.ended.filter((event) => event.payload.labelSetId === 'stopped')).toHaveLength(1);
  });

  it('holds for an iteration whose cancellation overtook its labels', async () => {
    neighbours.addLabelSet('overtaken', labelsOf(950, 40));
    await cancelIteration('overtaken');
    await vi.waitFor(
      async () => expect(await rig.store.trainings.isCancelledIteration('iteration-overtaken')).toBe(true),
      10_000,
    );
    await freeze('overtaken');
    expect((await endOf('overtaken')).name).toBe('trainer.training.cancelled');
  });

  it('holds for an iteration that is cancelled while its labels are being frozen', async () => {
    neighbours.addLabelSet('at-once', labelsOf(960, 40));
    const deps = { store: rig.store, log: silentLog };
    let started: Promise<void> | undefined;
    await rig.store.inTransaction(async ({ trainings }) => {
      await trainings.lockIteration('iteration-at-once');
      await trainings.noteCancelledIteration('iteration-at-once');
      const frozen = { messageId: 'at-once', iterationId: 'iteration-at-once', labelSetId: 'at-once' };
      const wish = { method: 'probe', parametersJson: '', parentEnsembleId: null };
      started = startIterationTraining(deps, { ...frozen, ...wish });
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await started;
    expect((await endOf('at-once')).name).toBe('trainer.training.cancelled');
  });

  it('waits for a batch that completes instead of locking against it', async () => {
    neighbours.addLabelSet('crossing', labelsOf(980, 40));
    neighbours.pending.set(985, 1e9);
    const { body } = await post({ labelSetId: 'crossing' });
    await vi.waitFor(async () => expect(await get(body.id)).toMatchObject({ state: 'running' }), 10_000);
    const db = openDb<Schema>({ url: rig.meeting.databaseUrl, schema: 'trainer' });
    let cancelled: Promise<{ statusCode: number }> | undefined;
    // What completing a batch does, in its order: the batch, then the training.
    await db.inTransaction(async ({ kysely }) => {
      await sql`update work_batch set heartbeat_at = now() where run_id = ${body.id}`.execute(kysely);
      cancelled = rig.app.inject({ method: 'POST', url: `/v1/trainings/${body.id}/cancel`, headers: operator });
      cancelled.catch(() => {});
      await vi.waitFor(async () => {
        const { rows } =
          await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`.execute(
            db.kysely,
          );
        expect(rows).not.toEqual([]);
      });
      await sql`update training set page_count = 1 where id = ${body.id}`.execute(kysely);
    });
    expect((await cancelled)!.statusCode).toBe(202);
    neighbours.pending.delete(985);
    await db.close();
  });

  it('is refused for a training that is done', async () => {
    const done = rig.ended.find((event) => event.name === 'trainer.ensemble.trained')!.payload.trainingId;
    const response = await rig.app.inject({ method: 'POST', url: `/v1/trainings/${done}/cancel`, headers: operator });
    expect(response.json()).toMatchObject({ status: 400, code: 'failed_precondition' });
  });
});

it('clears the weights of trainings that failed, but for those that another ensemble has too', async () => {
  const done = rig.ended.find((event) => event.name === 'trainer.ensemble.trained')!.payload.trainingId;
  const [shared] = await rig.store.trainings.listMembers(done);
  const [failedId, ensembleId] = [uuidv7(), uuidv7()];
  const own = await rig.objects.putContent('models', 'bin', Buffer.from('weights of a training that failed'));
  await rig.store.inTransaction(async ({ trainings }) => {
    await trainings.insertTraining({
      id: failedId,
      ensembleId,
      requestKey: null,
      labelSetId: 'failed-late',
      iterationId: null,
      method: 'probe',
      parameters: {},
      parametersSha256: '0',
      parentEnsembleId: null,
      memberCount: 2,
      ended: { state: 'failed', reason: 'for this test' },
    });
    await trainings.recordMember(failedId, { ...shared!, number: 0 });
    await trainings.recordMember(failedId, { ...shared!, number: 1, weights: own });
  });
  const deps = { store: rig.store, objects: rig.objects, log: silentLog };
  const signal = new AbortController().signal;
  await clearWeights(deps, signal);
  expect(await rig.objects.head(own.key)).toBeDefined();
  await vi.waitFor(
    async () => {
      await clearWeights(deps, signal, { endedBefore: new Date(Date.now() + 60_000) });
      expect(await rig.objects.head(own.key)).toBeUndefined();
    },
    { timeout: 10_000 },
  );
  expect(await rig.objects.head(shared!.weights.key)).toBeDefined();
  expect(await rig.store.trainings.findUselessWeights(new Date(Date.now() + 60_000), 10)).toEqual([]);
});

it('takes over the member of a killed worker and records it once', async () => {
  await workers.stop();
  neighbours.addLabelSet('killed', labelsOf(1, 120));
  neighbours.unavailable.clear();
  const program = fileURLToPath(new URL('./hanging-worker-main.ts', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(rig.meeting), 'killed'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { body } = await post({ labelSetId: 'killed' });
  expect(String((await once(child.stdout, 'data'))[0])).toContain('in the middle of a member');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await get(body.id)).toMatchObject({ state: 'running', phase: 'members', membersDone: 0 });
  workers = await rig.startWorkers(neighbours);
  await vi.waitFor(async () => expect(await get(body.id)).toMatchObject({ state: 'done', membersDone: 5 }), 20_000);
  const members = await rig.store.trainings.listMembers(body.id);
  expect(members.map((member) => member.number)).toEqual([0, 1, 2, 3, 4]);
  expect(members.map((member) => member.attempt)).toContain(2);
  expect(await trainedOn('killed')).toMatchObject({ trainingId: body.id, memberCount: 5 });
});
