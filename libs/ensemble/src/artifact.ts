import { createHash } from 'node:crypto';
import { internal, messageOf } from '@florilegium/errors';
import type { Ensemble, NetworkEnsemble } from './ensemble.ts';
import type { FinetuneParameters } from './finetune-parameters.ts';
import type { Folds } from './folds.ts';
import { weightCountOf } from './network/architectures.ts';
import { networkModelJson } from './network/layers-model.ts';
import type { ProbeParameters } from './probe-parameters.ts';
import type { Scores } from './scores.ts';

/** The part of every manifest that no arithmetic needs: where the ensemble comes from and how good it is. */
interface Origin {
  ensembleId: string;
  trainingId: string;
  labelSetId: string;
  labelSetSha256: string;
  parentEnsembleId: string | null;
  /** What the members look at: the backbone of the embeddings, or the network's own reading of the image. */
  backbone: { name: string; sha256: string };
  tensorflowBackend: string;
  codeVersion: string;
  /** Pages of the label set whose embedding or image could not be had. */
  droppedPageCount: number;
}

export interface EnsembleOrigin extends Origin {
  method: 'probe';
  parameters: ProbeParameters;
  l2Tried: { l2: number; logLoss: number }[];
  outOfFold: { scores: Scores; foldsBy: 'item' | 'page'; foldCount: number; sha256: string; key: string };
}

export interface NetworkOrigin extends Origin {
  method: 'finetune';
  parameters: FinetuneParameters;
  /** Each page by the members that never met its item; `pages` of the scores counts those that have such a member. */
  outOfFold: {
    scores: Scores;
    outOfBagBy: Folds['by'];
    /** By which rule members were dealt the pages that they may meet; a child dealt by another one starts cold. */
    dealing: string;
    sha256: string;
    key: string;
  };
}

export interface MemberSummary {
  loss: number;
  epochs: number;
  converged: boolean;
  warmStarted: boolean;
}

/** A `model.json` of TensorFlow.js: with the weight file beside it, `tf.loadLayersModel` reads it as it is. */
export interface LayersModelJson {
  format: 'layers-model';
  generatedBy: string;
  convertedBy: null;
  modelTopology: object;
  weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; dtype: 'float32' }[] }[];
}

export interface EnsembleManifest extends EnsembleOrigin {
  formatVersion: 1;
  dims: number;
  temperature: number;
  /** How the embeddings were standardised in training; it is folded into the weights, which take raw embeddings. */
  standardisation: { name: 'z-score-floored'; foldedIn: true };
  members: (MemberSummary & { weights: { key: string; sha256: string; bytes: number }; model: LayersModelJson })[];
}

export interface NetworkManifest extends NetworkOrigin {
  formatVersion: 1;
  temperature: number;
  /** How a page becomes the network's input: squashed to a square, three colours, pixels from 0 to 255. */
  input: { side: number; channels: 'rgb'; fit: 'fill'; range: [0, 255] };
  members: (MemberSummary & { weights: { key: string; sha256: string; bytes: number }; model: LayersModelJson })[];
}

export type Manifest = EnsembleManifest | NetworkManifest;

/** A member to pack: weights on raw embeddings. */
export interface MemberToPack extends MemberSummary {
  weights: Float32Array;
  bias: number;
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Key of a content-addressed artifact in the object store. */
export const artifactKeyOf = (sha256: string, extension: 'bin' | 'json' | 'jsonl'): string =>
  `models/${sha256.slice(0, 2)}/${sha256}.${extension}`;

/** A file in the making: where it goes and what it holds. */
export interface Artifact {
  key: string;
  sha256: string;
  bytes: Buffer;
}

export function artifactOf(bytes: Buffer, extension: 'bin' | 'json' | 'jsonl'): Artifact {
  const sha256 = sha256Of(bytes);
  return { key: artifactKeyOf(sha256, extension), sha256, bytes };
}

/** Weights, then bias: little-endian float32, (dims + 1) x 4 bytes, the layout of TensorFlow.js weight files. */
export function memberWeightsArtifact(member: Pick<MemberToPack, 'weights' | 'bias'>): Artifact {
  const bytes = Buffer.alloc((member.weights.length + 1) * 4);
  for (const [at, weight] of [...member.weights, member.bias].entries()) bytes.writeFloatLE(weight, at * 4);
  return artifactOf(bytes, 'bin');
}

/**
 * The files of an ensemble. The manifest names each weight file by key and sha256, so its own hash stands for the whole ensemble.
 * Equal input gives equal bytes.
 */
export function packEnsemble(
  origin: EnsembleOrigin,
  temperature: number,
  members: readonly MemberToPack[],
): { manifest: Artifact; weights: Artifact[] } {
  const dims = members[0]?.weights.length ?? 0;
  const weights = members.map(memberWeightsArtifact);
  const manifest: EnsembleManifest = {
    formatVersion: 1,
    ...origin,
    dims,
    temperature,
    standardisation: { name: 'z-score-floored', foldedIn: true },
    members: members.map(({ loss, epochs, converged, warmStarted }, member) => {
      const { key, sha256, bytes } = weights[member]!;
      return {
        loss,
        epochs,
        converged,
        warmStarted,
        weights: { key, sha256, bytes: bytes.length },
        model: layersModelOf(dims, sha256),
      };
    }),
  };
  return { manifest: artifactOf(Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`), 'json'), weights };
}

/** A weight file of a network, without a copy: float32 in the order of `weightSpecsOf`, little-endian as everything that Node runs well on. */
export function networkWeightsFile(weights: Float32Array): Buffer {
  return Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength);
}

/** The manifest of networks whose weight files are stored already. Equal input gives equal bytes. */
export function packNetworks(
  origin: NetworkOrigin,
  temperature: number,
  members: readonly (MemberSummary & { weights: { key: string; sha256: string } })[],
): Artifact {
  const { architecture, side } = origin.parameters;
  const bytes = 4 * weightCountOf(architecture, side);
  const manifest: NetworkManifest = {
    formatVersion: 1,
    ...origin,
    temperature,
    input: { side, channels: 'rgb', fit: 'fill', range: [0, 255] },
    members: members.map(({ loss, epochs, converged, warmStarted, weights: { key, sha256 } }) => ({
      loss,
      epochs,
      converged,
      warmStarted,
      weights: { key, sha256, bytes },
      model: networkModelJson(architecture, side, sha256),
    })),
  };
  return artifactOf(Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`), 'json');
}

/** What an ensemble is made of, by its method. */
export type UnpackedEnsemble =
  | { method: 'probe'; manifest: EnsembleManifest; ensemble: Ensemble }
  | { method: 'finetune'; manifest: NetworkManifest; ensemble: NetworkEnsemble };

/**
 * Reads an ensemble of either method back. `manifestSha256` is what the caller was told; every weight file is fetched by `readArtifact`,
 * one after the other, and checked against the manifest. Throws `internal` naming the file on a wrong hash, a wrong length, a number
 * that is not finite or a manifest that is not one.
 */
export async function unpackAnyEnsemble(
  manifestBytes: Buffer,
  manifestSha256: string,
  readArtifact: (key: string) => Promise<Buffer>,
): Promise<UnpackedEnsemble> {
  const manifest = readManifest(manifestBytes, manifestSha256);
  return manifest.method === 'finetune'
    ? { method: 'finetune', manifest, ensemble: await unpackNetworks(manifest, readArtifact) }
    : { method: 'probe', manifest, ensemble: await unpackHeads(manifest, readArtifact) };
}

/** As `unpackAnyEnsemble`, for a caller that wants heads on embeddings; throws `internal` for another method. */
export async function unpackEnsemble(
  manifestBytes: Buffer,
  manifestSha256: string,
  readArtifact: (key: string) => Promise<Buffer>,
): Promise<{ manifest: EnsembleManifest; ensemble: Ensemble }> {
  const manifest = readManifest(manifestBytes, manifestSha256);
  if (manifest.method === 'finetune') throw internal('the ensemble is of networks, not of heads on embeddings');
  return { manifest, ensemble: await unpackHeads(manifest, readArtifact) };
}

async function unpackHeads(
  manifest: EnsembleManifest,
  readArtifact: (key: string) => Promise<Buffer>,
): Promise<Ensemble> {
  const { dims, temperature } = manifest;
  const members = await Promise.all(
    manifest.members.map(async ({ weights }) => {
      const numbers = Float64Array.from(await readWeights(weights, dims + 1, readArtifact));
      return { weights: numbers.subarray(0, dims), bias: numbers[dims]! };
    }),
  );
  return { dims, temperature, members };
}

async function unpackNetworks(
  { parameters: { architecture, side }, temperature, members }: NetworkManifest,
  readArtifact: (key: string) => Promise<Buffer>,
): Promise<NetworkEnsemble> {
  const weightCount = weightCountOf(architecture, side);
  const unpacked: Float32Array[] = [];
  for (const { weights } of members) unpacked.push(await readWeights(weights, weightCount, readArtifact));
  return { architecture, side, temperature, members: unpacked };
}

/** The manifest of networks, its hash checked. Throws `internal` when it is not one. */
export function readNetworkManifest(bytes: Buffer, manifestSha256: string): NetworkManifest {
  const manifest = readManifest(bytes, manifestSha256);
  if (manifest.method !== 'finetune') throw internal('the ensemble is of heads on embeddings, not of networks');
  return manifest;
}

/** The weights of one member of networks, checked; undefined where there is no such member. Throws as `unpackAnyEnsemble` does. */
export async function readNetworkMember(
  { parameters: { architecture, side }, members }: NetworkManifest,
  member: number,
  readArtifact: (key: string) => Promise<Buffer>,
): Promise<Float32Array | undefined> {
  const found = members[member];
  return found && (await readWeights(found.weights, weightCountOf(architecture, side), readArtifact));
}

async function readWeights(
  { key, sha256 }: { key: string; sha256: string },
  count: number,
  readArtifact: (key: string) => Promise<Buffer>,
): Promise<Float32Array> {
  const bytes = await readArtifact(key);
  if (sha256Of(bytes) !== sha256) throw internal(`weight file ${key} does not have the sha256 ${sha256}`);
  if (bytes.length !== 4 * count) throw internal(`weight file ${key} has ${bytes.length} bytes, not ${4 * count}`);
  // A copy, which is aligned; number by number an AlexNet would take half a second of this thread.
  const numbers = new Float32Array(new Uint8Array(bytes).buffer);
  for (let at = 0; at < count; at++)
    if (!Number.isFinite(numbers[at])) throw internal(`weight file ${key} holds a number that is not finite`);
  return numbers;
}

/** The manifest alone, its hash checked. Throws `internal` when it is not one. */
export function readManifest(bytes: Buffer, manifestSha256: string): Manifest {
  if (sha256Of(bytes) !== manifestSha256) {
    throw internal(`the ensemble's manifest does not have the sha256 ${manifestSha256}`);
  }
  let manifest: Manifest;
  try {
    manifest = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw internal(`the ensemble's manifest is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (manifest.formatVersion !== 1) {
    const { formatVersion } = manifest as { formatVersion: unknown };
    throw internal(`the ensemble's manifest has format ${formatVersion}; this version reads 1`);
  }
  if (manifest.method !== 'finetune' && manifest.method !== 'probe') {
    const { method } = manifest as { method: unknown };
    throw internal(`the ensemble's manifest has method ${method}; this version reads probe and finetune`);
  }
  const isSized = manifest.method === 'finetune' ? manifest.parameters?.side > 0 : manifest.dims > 0;
  if (!(isSized && manifest.temperature > 0 && manifest.members?.length > 0)) {
    throw internal("the ensemble's manifest lacks dims or side, temperature or members");
  }
  return manifest;
}

/** One Dense layer whose sigmoid is P(HQ) before calibration. */
function layersModelOf(dims: number, weightsSha256: string): LayersModelJson {
  return {
    format: 'layers-model',
    generatedBy: 'florilegium',
    convertedBy: null,
    modelTopology: {
      class_name: 'Sequential',
      config: {
        name: 'probe',
        layers: [
          {
            class_name: 'Dense',
            config: {
              name: 'hq',
              units: 1,
              activation: 'sigmoid',
              use_bias: true,
              batch_input_shape: [null, dims],
              dtype: 'float32',
            },
          },
        ],
      },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [
      {
        paths: [`${weightsSha256}.bin`],
        weights: [
          { name: 'hq/kernel', shape: [dims, 1], dtype: 'float32' },
          { name: 'hq/bias', shape: [1], dtype: 'float32' },
        ],
      },
    ],
  };
}
