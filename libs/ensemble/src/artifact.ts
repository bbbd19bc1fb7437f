import { createHash } from 'node:crypto';
import { internal, messageOf } from '@florilegium/errors';
import type { Ensemble } from './ensemble.ts';
import type { ProbeParameters } from './probe-parameters.ts';
import type { Scores } from './scores.ts';

/** The part of a manifest that no arithmetic needs: where the ensemble comes from and how good it is. */
export interface EnsembleOrigin {
  ensembleId: string;
  trainingId: string;
  labelSetId: string;
  labelSetSha256: string;
  parentEnsembleId: string | null;
  method: 'probe';
  parameters: ProbeParameters;
  backbone: { name: string; sha256: string };
  tensorflowBackend: string;
  codeVersion: string;
  /** Pages of the label set whose embedding could not be had. */
  droppedPageCount: number;
  l2Tried: { l2: number; logLoss: number }[];
  outOfFold: { scores: Scores; foldsBy: 'item' | 'page'; foldCount: number; sha256: string; key: string };
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

/**
 * Reads an ensemble back. `manifestSha256` is what the caller was told; every weight file is fetched by `readArtifact` and checked
 * against the manifest. Throws `internal` naming the file on a wrong hash, a wrong length, a number that is not finite or a manifest
 * that is not one.
 */
export async function unpackEnsemble(
  manifestBytes: Buffer,
  manifestSha256: string,
  readArtifact: (key: string) => Promise<Buffer>,
): Promise<{ manifest: EnsembleManifest; ensemble: Ensemble }> {
  if (sha256Of(manifestBytes) !== manifestSha256) {
    throw internal(`the ensemble's manifest does not have the sha256 ${manifestSha256}`);
  }
  const manifest = parseManifest(manifestBytes);
  const members = await Promise.all(
    manifest.members.map(async ({ weights: { key, sha256 } }) => {
      const bytes = await readArtifact(key);
      if (sha256Of(bytes) !== sha256) throw internal(`weight file ${key} does not have the sha256 ${sha256}`);
      if (bytes.length !== (manifest.dims + 1) * 4) {
        throw internal(`weight file ${key} has ${bytes.length} bytes, not ${(manifest.dims + 1) * 4}`);
      }
      const numbers = Float64Array.from({ length: manifest.dims + 1 }, (_, at) => bytes.readFloatLE(at * 4));
      if (!numbers.every(Number.isFinite)) throw internal(`weight file ${key} holds a number that is not finite`);
      return { weights: numbers.subarray(0, manifest.dims), bias: numbers[manifest.dims]! };
    }),
  );
  return { manifest, ensemble: { dims: manifest.dims, temperature: manifest.temperature, members } };
}

function parseManifest(bytes: Buffer): EnsembleManifest {
  let manifest: EnsembleManifest;
  try {
    manifest = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw internal(`the ensemble's manifest is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (manifest.formatVersion !== 1)
    throw internal(`the ensemble's manifest has format ${manifest.formatVersion}; this version reads 1`);
  if (!(manifest.dims > 0 && manifest.temperature > 0 && manifest.members?.length > 0)) {
    throw internal("the ensemble's manifest lacks dims, temperature or members");
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
