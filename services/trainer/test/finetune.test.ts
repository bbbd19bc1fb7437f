import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EnsembleTrained } from '@florilegium/contracts/trainer/events';
import { createNetworkPredictor, decodeOutOfFold, selectBackend, unpackAnyEnsemble } from '@florilegium/ensemble';
import { decodePixels } from '@florilegium/ensemble/pixels';
import { silentLog } from '@florilegium/log';
import { randomFrom } from '@florilegium/random';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { scratch } from '../src/training/scratch.ts';
import { clearScratch } from '../src/usecases/clear-scratch.ts';
import { type FakeNeighbours, fakeNeighbours, imageOf, isHqPage, labelsOf } from './fake-neighbours.ts';
import { startTrainerRig, type TrainerRig } from './trainer-rig.ts';

let rig: TrainerRig;
let neighbours: FakeNeighbours;
let workers: { stop(): Promise<void> } | undefined;
const operator = { authorization: 'Bearer o' };
const viewer = { authorization: 'Bearer v' };
const small = { architecture: 'small', side: 16, epochsMax: 6, batchPages: 16, learningRate: 3e-3, memberCount: 2 };

beforeAll(async () => {
  rig = await startTrainerRig(inject('databaseUrl'), inject('natsUrl'));
  neighbours = fakeNeighbours();
  workers = await rig.startWorkers(neighbours);
});
afterAll(async () => {
  await workers?.stop();
  await rig.stop();
});

interface View {
  id: string;
  state: string;
  reason: string | null;
  phase: string;
  membersDone: number;
  droppedPageCount: number;
  droppedPages: { pageId: number; reason: string }[];
  tensorflowBackend: string | null;
  scores: { accuracy: number; pageCount: number } | null;
}

async function post(labelSetId: string, parameters: object, more: object = {}): Promise<View> {
  const payload = { labelSetId, method: 'finetune', parameters, ...more };
  const response = await rig.app.inject({ method: 'POST', url: '/v1/trainings', headers: operator, payload });
  expect([response.statusCode, response.json().detail]).toEqual([202, undefined]);
  return response.json();
}

const get = async (id: string): Promise<View> =>
  (await rig.app.inject({ url: `/v1/trainings/${id}`, headers: viewer })).json();

const endOf = (id: string, timeout = 28_000): Promise<View> =>
  vi.waitFor(
    async () => {
      const training = await get(id);
      expect(['done', 'failed', 'cancelled']).toContain(training.state);
      return training;
    },
    { timeout, interval: 100 },
  );

const ensembleAnnounced = (id: string) =>
  vi.waitFor(() => rig.ended.find(({ payload }) => payload.trainingId === id) ?? expect.fail('not heard of'), {
    timeout: 5000,
  });

async function ensembleOf(id: string) {
  const event = await ensembleAnnounced(id);
  const trained = event.payload as unknown as EnsembleTrained;
  const manifest = await rig.objects.get(trained.manifestKey);
  const unpacked = await unpackAnyEnsemble(manifest, trained.manifestSha256, (key) => rig.objects.get(key));
  if (unpacked.method !== 'finetune') throw new Error('not of networks');
  return { ...unpacked, trained };
}

const scratchOf = async (id: string) => {
  const keys: string[] = [];
  for await (const { key } of rig.objects.list(scratch.ofTraining(id))) keys.push(key);
  return keys;
};

describe('method finetune', () => {
  it('trains networks on the images that are right on pages they never saw, and names the pages it could not use', async () => {
    neighbours.addLabelSet('images', labelsOf(1, 120, 20));
    neighbours.unavailable.add(7);
    neighbours.corrupt.add(9);
    neighbours.pending.set(30, 1);
    const { id } = await post('images', { ...small, epochsMax: 10 });
    const training = await endOf(id);
    expect([training.state, training.reason]).toEqual(['done', null]);
    expect(training).toMatchObject({ tensorflowBackend: 'wasm', droppedPageCount: 2 });
    expect(training.droppedPages).toEqual([
      { pageId: 7, reason: 'image missing: 404' },
      { pageId: 9, reason: expect.stringContaining('image cannot be decoded') },
    ]);
    expect(neighbours.reported).toEqual([
      expect.objectContaining({ pageId: 9, reason: expect.stringContaining('cannot be decoded') }),
    ]);
    expect(training.scores!.accuracy).toBeGreaterThan(0.8);

    const { manifest, ensemble, trained } = await ensembleOf(id);
    expect(manifest).toMatchObject({
      method: 'finetune',
      backbone: { name: 'small-16' },
      tensorflowBackend: 'wasm',
      input: { side: 16 },
      outOfFold: { outOfBagBy: 'item' },
    });
    await selectBackend('wasm', silentLog);
    const fresh = Array.from({ length: 60 }, (_, at) => 5000 + at);
    const pixels = await Promise.all(fresh.map(async (pageId) => decodePixels(await imageOf(pageId), 16)));
    const predictor = createNetworkPredictor(ensemble);
    const probabilities = predictor.predict(Buffer.concat(pixels));
    predictor.dispose();
    const right = fresh.filter(
      (pageId, at) => (probabilities[2 * at]! + probabilities[2 * at + 1]!) / 2 >= 0.5 === isHqPage(pageId),
    );
    expect(right.length).toBeGreaterThan(50);

    // 118 pages; each is judged by the members that never met its item, one at least.
    const lines = decodeOutOfFold(await rig.objects.get(trained.outOfFoldKey, { sha256: trained.outOfFoldSha256 }));
    expect(lines).toHaveLength(118);
    expect(lines.every((page) => page.members.length === 2 && page.members.some((one) => one !== null))).toBe(true);
    expect(lines.some((page) => page.members.includes(null))).toBe(true);
    expect(lines.find((page) => page.pageId === 20)!.labelQuality).toBeNull();
    neighbours.unavailable.clear();
    neighbours.corrupt.clear();
  });

  it('shows training and stop loss of every epoch by server-sent events, and its members by REST', async () => {
    neighbours.addLabelSet('followed', labelsOf(1, 80));
    const { id } = await post('followed', { ...small, epochsMax: 3 });
    const text = await (await fetch(`${rig.address}/v1/trainings/${id}/events`, { headers: viewer })).text();
    const epochs = text
      .split('\n\n')
      .filter((part) => part.startsWith('event: epoch'))
      .map((part) => JSON.parse(part.slice(part.indexOf('data: ') + 6)));
    expect(epochs.filter(({ member }) => member === 1).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(epochs[0]).toMatchObject({ loss: expect.any(Number), stopLoss: expect.any(Number) });
    const { members } = (await rig.app.inject({ url: `/v1/trainings/${id}/members`, headers: viewer })).json();
    expect(members).toMatchObject([
      { number: 0, epochs: 3, attempt: 1, resumedAtStep: 0, tensorflowBackend: 'wasm' },
      { number: 1 },
    ]);
  });

  it('gives the same weights for the same images, labels and seed', async () => {
    neighbours.addLabelSet('twin-a', labelsOf(200, 60));
    neighbours.addLabelSet('twin-b', labelsOf(200, 60));
    const ids = [await post('twin-a', { ...small, epochsMax: 2 }), await post('twin-b', { ...small, epochsMax: 2 })];
    const keys = [];
    for (const { id } of ids) {
      expect(await endOf(id)).toMatchObject({ state: 'done' });
      keys.push((await rig.store.trainings.listMembers(id)).map(({ weights }) => weights.key));
    }
    expect(keys[0]).toEqual(keys[1]);
  });

  it('starts from the parent of the same architecture, side and seed, and cold from any other', async () => {
    neighbours.addLabelSet('parent', labelsOf(300, 80));
    neighbours.addLabelSet('child', labelsOf(300, 88));
    const { id } = await post('parent', small);
    await endOf(id);
    const { trained } = await ensembleOf(id);
    const warmOf = async (parameters: object) => {
      const child = await post('child', parameters, { parentEnsembleId: trained.ensembleId });
      expect(await endOf(child.id)).toMatchObject({ state: 'done' });
      return (await rig.store.trainings.listMembers(child.id)).map(({ warmStarted }) => warmStarted);
    };
    expect(await warmOf({ ...small, epochsMax: 1 })).toEqual([true, true]);
    expect(await warmOf({ ...small, epochsMax: 1, side: 20 })).toEqual([false, false]);
    expect(await warmOf({ ...small, epochsMax: 1, seed: 5 })).toEqual([false, false]);
  });

  it('leaves nothing but artifacts behind', async () => {
    neighbours.addLabelSet('tidy', labelsOf(1, 60));
    const { id } = await post('tidy', { ...small, epochsMax: 2 });
    await endOf(id);
    await vi.waitFor(async () => expect(await scratchOf(id)).toEqual([]), { timeout: 5000 });
    const { ensemble } = await ensembleOf(id);
    expect(ensemble.members).toHaveLength(2);
  });
});

describe('what goes wrong', () => {
  const failureOf = async (labelSetId: string, parameters: object, more: object = {}) => {
    const training = await endOf((await post(labelSetId, parameters, more)).id);
    expect(training.state).toBe('failed');
    return training.reason;
  };

  it('is said in the run when images are of one class, decode badly, or are too many', async () => {
    neighbours.addLabelSet('one-class', new Map(Array.from({ length: 20 }, (_, at) => [at + 1, 'LQ'])));
    expect(await failureOf('one-class', small)).toContain('the label set has 0 usable HQ pages');
    neighbours.addLabelSet('all-corrupt', labelsOf(700, 20));
    for (let pageId = 700; pageId < 720; pageId++) neighbours.corrupt.add(pageId);
    expect(await failureOf('all-corrupt', small)).toContain('0 usable HQ pages');
    neighbours.corrupt.clear();
    neighbours.addLabelSet('too-many', labelsOf(1, 200));
    expect(await failureOf('too-many', { architecture: 'small', side: 256 })).toBe(
      '200 pages at side 256 are 39321600 bytes of pixels; IMAGE_DATASET_BYTES_MAX allows 16777216',
    );
  });

  it('is said in the run when the loss stops being finite, and the next training goes well', async () => {
    neighbours.addLabelSet('diverging', labelsOf(1, 60));
    expect(await failureOf('diverging', { ...small, learningRate: 1e9 })).toMatch(
      /the loss of member \d is not finite in epoch \d; a smaller learningRate than 1000000000 may help/,
    );
    const { id } = await post('diverging', { ...small, epochsMax: 1 });
    expect(await endOf(id)).toMatchObject({ state: 'done' });
  });

  it('is said in the run when weights of the parent are corrupt or gone', async () => {
    neighbours.addLabelSet('broken-parent', labelsOf(1, 60));
    const { id } = await post('broken-parent', { ...small, epochsMax: 1, memberCount: 1, seed: 77 });
    await endOf(id);
    const { manifest, trained } = await ensembleOf(id);
    const { key } = manifest.members[0]!.weights;
    const parent = { parentEnsembleId: trained.ensembleId };
    const whole = await rig.objects.get(key);
    await rig.objects.put(key, whole.subarray(0, -4));
    const child = { ...small, memberCount: 1, seed: 77 };
    expect(await failureOf('broken-parent', { ...child, epochsMax: 2 }, parent)).toContain(
      `weight file ${key} does not have the sha256`,
    );
    await rig.objects.delete(key);
    expect(await failureOf('broken-parent', { ...child, epochsMax: 3 }, parent)).toContain(key);
    await rig.objects.put(key, whole);
  });

  it('is said in the run when the images that were prepared are changed on disk', async () => {
    neighbours.addLabelSet('changed', labelsOf(1, 60));
    await workers!.stop();
    let spoilt = false;
    workers = await rig.startWorkers(neighbours, {
      objects: {
        ...rig.objects,
        put: async (key, body) => {
          const stored = await rig.objects.put(key, body);
          if (!spoilt && key.includes('/images-')) {
            spoilt = true;
            await rig.objects.put(key, Buffer.from('something else'));
          }
          return stored;
        },
      },
    });
    expect(await failureOf('changed', small)).toMatch(/object models\/scratch\/.*images-1.bin hashes to/);
    await workers.stop();
    workers = await rig.startWorkers(neighbours);
  });
});

it('is stopped in the middle of a member by a cancellation, and its scratch is swept', async () => {
  neighbours.addLabelSet('cancelled', labelsOf(1, 200));
  const { id } = await post('cancelled', { ...small, side: 64, epochsMax: 500, patienceEpochs: 500 });
  await vi.waitFor(async () => expect(await scratchOf(id)).toContain(scratch.checkpoint(id, 0)), {
    timeout: 20_000,
    interval: 50,
  });
  await rig.app.inject({ method: 'POST', url: `/v1/trainings/${id}/cancel`, headers: operator });
  expect(await get(id)).toMatchObject({ state: 'cancelled', membersDone: 0 });
  const started = Date.now();
  neighbours.addLabelSet('after', labelsOf(1, 60));
  const after = await post('after', { ...small, epochsMax: 1 });
  expect(await endOf(after.id)).toMatchObject({ state: 'done' });
  // The worker noticed within a heartbeat and was free for the next one.
  expect(Date.now() - started).toBeLessThan(10_000);
  await clearScratch({ ...rig, log: silentLog }, new AbortController().signal);
  expect(await scratchOf(id)).toEqual([]);
});

describe('killed at random moments', () => {
  const program = fileURLToPath(new URL('./worker-main.ts', import.meta.url));
  const spawnWorker = (labelSetId: string, pageCount: number): ChildProcess =>
    spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, JSON.stringify(rig.meeting), labelSetId, String(pageCount)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );

  /** Kills one worker after the other at random moments of its work, four at most, then lets one finish. */
  async function killUntilDone(id: string, labelSetId: string, pageCount: number, lifeMsMax: number) {
    const random = randomFrom(4);
    let killed = 0;
    if (lifeMsMax > 1000) {
      // The first one surely in the middle of a member, which must be taken up where it was.
      const child = spawnWorker(labelSetId, pageCount);
      await vi.waitFor(async () => expect(await scratchOf(id)).toContain(scratch.checkpoint(id, 0)), {
        timeout: 20_000,
        interval: 20,
      });
      child.kill('SIGKILL');
      await once(child, 'exit');
      killed++;
    }
    for (; killed < 4 && (await get(id)).state !== 'done'; killed++) {
      const child = spawnWorker(labelSetId, pageCount);
      await once(child.stdout!, 'data');
      await pause(lifeMsMax * random.next());
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    workers = await rig.startWorkers(neighbours);
    return { training: await endOf(id, 60_000), killed };
  }

  it.each([
    {
      method: 'finetune',
      pageCount: 120,
      lifeMsMax: 2500,
      parameters: { ...small, memberCount: 3, side: 64, epochsMax: 12, patienceEpochs: 12 },
    },
    { method: 'probe', pageCount: 900, lifeMsMax: 800, parameters: { memberCount: 25, l2: 1e-6, epochsMax: 3000 } },
  ])(
    '$method loses no member, records none twice and gives the weights of an undisturbed training',
    async ({ method, pageCount, lifeMsMax, parameters }) => {
      const [disturbed, undisturbed] = [`killed-${method}`, `calm-${method}`];
      neighbours.addLabelSet(disturbed, labelsOf(1, pageCount));
      neighbours.addLabelSet(undisturbed, labelsOf(1, pageCount));
      const calm = await post(undisturbed, parameters, { method });
      expect(await endOf(calm.id, 60_000)).toMatchObject({ state: 'done' });
      await workers!.stop();
      workers = undefined;
      const { id } = await post(disturbed, parameters, { method });
      const { training, killed } = await killUntilDone(id, disturbed, pageCount, lifeMsMax);
      expect([training.state, training.reason]).toEqual(['done', null]);
      expect(killed).toBeGreaterThanOrEqual(2);
      const membersOf = (trainingId: string) => rig.store.trainings.listMembers(trainingId);
      const [after, before] = [await membersOf(id), await membersOf(calm.id)];
      expect(after.map(({ number }) => number)).toEqual(Array.from({ length: parameters.memberCount }, (_, at) => at));
      expect(after.map(({ weights }) => weights)).toEqual(before.map(({ weights }) => weights));
      if (method === 'finetune') expect(after.some(({ resumedAtStep }) => resumedAtStep > 0)).toBe(true);
      await ensembleAnnounced(id);
      expect(rig.ended.filter(({ payload }) => payload.trainingId === id)).toHaveLength(1);
    },
    120_000,
  );
});
