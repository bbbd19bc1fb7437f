import {
  artifactOf,
  createNetworkPredictor,
  dealingName,
  type NetworkOrigin,
  networkWeightsFile,
  packNetworks,
  readFinetuneParameters,
  selectBackend,
  unpackAnyEnsemble,
  weightCountOf,
} from '@florilegium/ensemble';
import { decodePixels, networkBackbone } from '@florilegium/ensemble/pixels';
import { silentLog } from '@florilegium/log';
import { randomFrom } from '@florilegium/random';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, range, startHarness, until } from './harness.ts';
import { anImage, aPageImage, type FakeImage } from './neighbours.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness('networks');
  await harness.start({ role: 'worker' });
});
afterAll(() => harness.close());

const parameters = readFinetuneParameters({ architecture: 'small', side: 16, memberCount: 2 });

/** Stores an ensemble of two networks with weights of chance, and gives its event. */
async function networksOf(seed: number) {
  const files = [1, 2].map((member) => {
    const random = randomFrom(seed, member);
    const count = weightCountOf('small', 16);
    return artifactOf(networkWeightsFile(Float32Array.from({ length: count }, () => (random.next() - 0.5) / 3)), 'bin');
  });
  const ensembleId = uuidv7();
  const backbone = networkBackbone(parameters);
  const origin: NetworkOrigin = {
    ensembleId,
    trainingId: uuidv7(),
    labelSetId: uuidv7(),
    labelSetSha256: 'aa',
    parentEnsembleId: null,
    method: 'finetune',
    parameters,
    backbone,
    tensorflowBackend: 'wasm',
    codeVersion: '0.1.0',
    droppedPageCount: 0,
    outOfFold: {
      scores: { pages: 4, accuracy: 1, auc: 1, logLoss: 0.1, calibrationError: 0.1 },
      outOfBagBy: 'item',
      dealing: dealingName,
      sha256: 'cc',
      key: 'k',
    },
  };
  const summary = { loss: 0, epochs: 1, converged: true, warmStarted: false };
  const manifest = packNetworks(
    origin,
    2,
    files.map((weights) => ({ ...summary, weights })),
  );
  const { objects } = harness;
  for (const { key, bytes } of [manifest, ...files]) await objects.put(key, bytes);
  const event = {
    ensembleId,
    trainingId: origin.trainingId,
    labelSetId: origin.labelSetId,
    iterationId: '',
    manifestKey: manifest.key,
    manifestSha256: manifest.sha256,
    outOfFoldKey: 'models/x',
    outOfFoldSha256: '',
    temperature: 2,
    backboneName: backbone.name,
    backboneSha256: backbone.sha256,
    memberCount: 2,
    scores: undefined,
    droppedPageCount: 0,
  };
  return { event, manifest, files };
}

async function predictWith(ensembleId: string, pageSetId: string) {
  let id = '';
  await until(async () => {
    const response = await harness.post('/v1/prediction-runs', { ensembleId, pageSetId });
    if (response.status === 202) id = ((await response.json()) as { id: string }).id;
    return response.status === 202;
  });
  return await harness.endOf(id);
}

it('predicts pages from their images with networks, and stops at none that cannot be decoded', async () => {
  const pageIds = range(1, 45);
  for (const pageId of pageIds) harness.fetcher.images.set(pageId, await aPageImage(pageId));
  harness.fetcher.images.set(7, anImage(Buffer.from('no image')));
  harness.fetcher.images.set(8, 'IMAGE_STATE_MISSING');
  harness.pageSets.set('some', pageIds);
  const { event, manifest } = await networksOf(1);
  await harness.publish('trainer.ensemble.trained', event);
  const run = await predictWith(event.ensembleId, 'some');
  expect(run).toMatchObject({ state: 'done', predictedCount: 43, noImageCount: 2 });
  expect(harness.fetcher.reports).toMatchObject([{ pageId: 7 }]);

  const predicted = new Map<number, number[]>();
  for await (const part of harness.rpc.streamPredictions({ runId: run.id }))
    for (const { pageId, members } of part.predictions) predicted.set(pageId, members);
  expect([...predicted.keys()]).toEqual(pageIds.filter((pageId) => pageId !== 7 && pageId !== 8));
  await selectBackend('wasm', silentLog);
  const unpacked = await unpackAnyEnsemble(manifest.bytes, manifest.sha256, (key) => harness.objects.get(key));
  if (unpacked.method !== 'finetune') throw new Error('not of networks');
  const predictor = createNetworkPredictor(unpacked.ensemble);
  const pixels = await decodePixels((harness.fetcher.images.get(44) as FakeImage).content, 16);
  const alone = predictor.predict(pixels);
  predictor.dispose();
  expect(predicted.get(44)![0]).toBeCloseTo(alone[0]!, 5);
  expect(predicted.get(44)![1]).toBeCloseTo(alone[1]!, 5);
  expect(new Set([...predicted.values()].map(([first]) => first)).size).toBeGreaterThan(20);
});

it('does not record networks whose weights are cut, and fails a run whose weights are changed afterwards, naming the file', async () => {
  harness.pageSets.set('few', range(1, 3));
  const cut = await networksOf(2);
  const { key, bytes } = cut.files[1]!;
  await harness.objects.put(key, bytes.subarray(4));
  await harness.publish('trainer.ensemble.trained', cut.event);
  const sound = await networksOf(3);
  await harness.publish('trainer.ensemble.trained', sound.event);
  await until(async () => {
    const ask = { ensembleId: sound.event.ensembleId, pageSetId: 'none' };
    return (await harness.post('/v1/prediction-runs', ask)).status === 404;
  });
  const refused = await harness.post('/v1/prediction-runs', { ensembleId: cut.event.ensembleId, pageSetId: 'few' });
  expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'failed_precondition' }]);

  await harness.objects.put(sound.files[0]!.key, Buffer.from('changed'));
  const response = await harness.post('/v1/prediction-runs', { ensembleId: sound.event.ensembleId, pageSetId: 'few' });
  const { id } = (await response.json()) as { id: string };
  expect(await harness.endOf(id, 60_000)).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining(`weight file ${sound.files[0]!.key} does not have the sha256`),
  });
}, 90_000);
