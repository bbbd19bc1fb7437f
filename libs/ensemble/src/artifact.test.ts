import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, it } from 'vitest';
import { type EnsembleOrigin, packEnsemble, unpackEnsemble } from './artifact.ts';
import { selectBackend } from './backend.ts';
import { predict, predictLogits } from './predict.ts';
import { readProbeParameters } from './probe-parameters.ts';
import { silentLog } from './training-set.fixture.ts';

const origin: EnsembleOrigin = {
  ensembleId: 'e',
  trainingId: 't',
  labelSetId: 'l',
  labelSetSha256: 'aa',
  parentEnsembleId: null,
  method: 'probe',
  parameters: readProbeParameters({}),
  backbone: { name: 'classic', sha256: 'bb' },
  tensorflowBackend: 'wasm',
  codeVersion: '0.1.0',
  droppedPageCount: 0,
  l2Tried: [],
  outOfFold: {
    scores: { pages: 4, accuracy: 1, auc: 1, logLoss: 0.1, calibrationError: 0.1 },
    foldsBy: 'item',
    foldCount: 2,
    sha256: 'cc',
    key: 'k',
  },
};
const summary = { loss: 0.2, epochs: 9, converged: true, warmStarted: false };
const members = [
  { ...summary, weights: Float32Array.of(0.5, -1, 2), bias: 0.25 },
  { ...summary, weights: Float32Array.of(1, 1, 1), bias: -3 },
];
const rows = Float32Array.of(1, 2, 3, -1, 0, 0.5);
const pack = () => packEnsemble(origin, 2, members);
const readFrom = (files: { key: string; bytes: Buffer }[]) => async (key: string) =>
  files.find((file) => file.key === key)!.bytes;

beforeAll(() => selectBackend('wasm', silentLog));

it('gives the same scores after packing and unpacking', async () => {
  const { manifest, weights } = pack();
  const { ensemble } = await unpackEnsemble(manifest.bytes, manifest.sha256, readFrom(weights));
  // 0.5 - 2 + 6 + 0.25 and 1 + 2 + 3 - 3; -0.5 + 1 + 0.25 and -0.5 - 3
  expect([...predictLogits(ensemble, rows)]).toEqual([4.75, 3, 0.75, -3.5]);
  expect(predict(ensemble, rows)[0]).toBeCloseTo(1 / (1 + Math.exp(-4.75 / 2)), 6);
});

it('packs equal input into equal bytes, so equal keys', () => {
  expect(pack().manifest.key).toBe(pack().manifest.key);
  expect(pack().weights.map((file) => file.key)).toEqual(pack().weights.map((file) => file.key));
});

it('makes members that plain TensorFlow.js loads', async () => {
  const { manifest, weights } = pack();
  const { model } = JSON.parse(manifest.bytes.toString()).members[0];
  const weightData = new Uint8Array(weights[0]!.bytes).buffer;
  const loaded = await loadLayersModel(
    tf.io.fromMemory({ modelTopology: model.modelTopology, weightSpecs: model.weightsManifest[0].weights, weightData }),
  );
  const scores = loaded.predict(tf.tensor2d(rows, [2, 3])) as tf.Tensor;
  expect(scores.dataSync()[0]).toBeCloseTo(1 / (1 + Math.exp(-4.75)), 6);
  expect(scores.dataSync()[1]).toBeCloseTo(1 / (1 + Math.exp(-0.75)), 6);
});

it('refuses changed, cut and broken files by name', async () => {
  const { manifest, weights } = pack();
  await expect(unpackEnsemble(Buffer.from('{}'), manifest.sha256, readFrom(weights))).rejects.toThrow(
    'manifest does not have the sha256',
  );
  const cut = weights.map((file) => ({ ...file, bytes: file.bytes.subarray(4) }));
  await expect(unpackEnsemble(manifest.bytes, manifest.sha256, readFrom(cut))).rejects.toThrow(
    `weight file ${weights[0]!.key} does not have the sha256`,
  );
  const broken = packEnsemble(origin, 2, [{ ...summary, weights: Float32Array.of(Number.NaN), bias: 0 }]);
  await expect(unpackEnsemble(broken.manifest.bytes, broken.manifest.sha256, readFrom(broken.weights))).rejects.toThrow(
    'not finite',
  );
});

it('refuses rows that are not whole pages and answers none with none', async () => {
  const { manifest, weights } = pack();
  const { ensemble } = await unpackEnsemble(manifest.bytes, manifest.sha256, readFrom(weights));
  expect(() => predict(ensemble, new Float32Array(4))).toThrow(
    '4 embedding values are not whole pages of 3 dimensions',
  );
  expect(predict(ensemble, new Float32Array(0))).toHaveLength(0);
});
