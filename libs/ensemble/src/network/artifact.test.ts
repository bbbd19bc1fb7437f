import { randomFrom } from '@florilegium/random';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, it } from 'vitest';
import {
  artifactOf,
  type NetworkOrigin,
  networkWeightsFile,
  packNetworks,
  unpackAnyEnsemble,
  unpackEnsemble,
} from '../artifact.ts';
import { selectBackend } from '../backend.ts';
import { readFinetuneParameters } from '../finetune-parameters.ts';
import { dealingName } from '../out-of-bag.ts';
import { silentLog } from '../training-set.fixture.ts';
import type { Architecture } from './architectures.ts';
import { labelledImages } from './images.fixture.ts';
import { initialWeights } from './network.ts';
import { createNetworkPredictor } from './predict-networks.ts';

const summary = { loss: 0.2, epochs: 9, converged: true, warmStarted: false };

function anEnsemble(architecture: Architecture, side: number, seeds = [1, 2]) {
  const parameters = readFinetuneParameters({ architecture, side, memberCount: 2 });
  const files = seeds.map((seed) =>
    artifactOf(networkWeightsFile(initialWeights(architecture, side, randomFrom(seed))), 'bin'),
  );
  const origin: NetworkOrigin = {
    ensembleId: 'e',
    trainingId: 't',
    labelSetId: 'l',
    labelSetSha256: 'aa',
    parentEnsembleId: null,
    method: 'finetune',
    parameters,
    backbone: { name: `${architecture}-${side}`, sha256: 'bb' },
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
  const manifest = packNetworks(
    origin,
    2,
    files.map((weights) => ({ ...summary, weights })),
  );
  const read = async (key: string) => files.find((file) => file.key === key)!.bytes;
  return { manifest, files, read };
}

beforeAll(() => selectBackend('wasm', silentLog));

it.each([
  ['small', 20],
  ['alexnet', 63],
] as const)('%s networks are loaded by plain TensorFlow.js and predict the same', async (architecture, side) => {
  const { manifest, files, read } = anEnsemble(architecture, side);
  const unpacked = await unpackAnyEnsemble(manifest.bytes, manifest.sha256, read);
  if (unpacked.method !== 'finetune') throw new Error('not of networks');
  const { pixels } = labelledImages({ pages: 3, side });
  const predictor = createNetworkPredictor(unpacked.ensemble);
  const ours = predictor.predict(pixels);
  predictor.dispose();
  expect(ours).toHaveLength(6);

  const { model } = unpacked.manifest.members[0]!;
  const loaded = await loadLayersModel(
    tf.io.fromMemory({
      modelTopology: model.modelTopology,
      weightSpecs: model.weightsManifest[0]!.weights,
      weightData: new Uint8Array(files[0]!.bytes).buffer,
    }),
  );
  const scores = (loaded.predict(tf.tensor4d(Float32Array.from(pixels), [3, side, side, 3])) as tf.Tensor).dataSync();
  const calibrated = (probability: number) => 1 / (1 + Math.exp(-Math.log(probability / (1 - probability)) / 2));
  for (let page = 0; page < 3; page++) expect(ours[2 * page]).toBeCloseTo(calibrated(scores[page]!), 4);
});

it('refuses changed and cut weights by name, and heads where networks are', async () => {
  const { manifest, files, read } = anEnsemble('small', 20);
  const cut = async (key: string) => (await read(key)).subarray(4);
  await expect(unpackAnyEnsemble(manifest.bytes, manifest.sha256, cut)).rejects.toThrow(
    `weight file ${files[0]!.key} does not have the sha256`,
  );
  await expect(unpackEnsemble(manifest.bytes, manifest.sha256, read)).rejects.toThrow('networks, not of heads');
  await expect(unpackAnyEnsemble(manifest.bytes, 'aa', read)).rejects.toThrow('manifest does not have the sha256');
});

it('names the parameter at fault', () => {
  expect(() => readFinetuneParameters({ architecture: 'vgg' })).toThrow('architecture must be alexnet or small');
  expect(() => readFinetuneParameters({ sides: 3 })).toThrow('parameter sides is not known; there are memberCount');
  expect(() => readFinetuneParameters({ side: 62 })).toThrow('side must be an integer from 63 to 512');
  expect(() => readFinetuneParameters({ dropout: 1 })).toThrow('dropout must be a number from 0 to 0.9');
  expect(readFinetuneParameters({}).architecture).toBe('alexnet');
  expect(readFinetuneParameters({ architecture: 'small' }).side).toBe(64);
});
