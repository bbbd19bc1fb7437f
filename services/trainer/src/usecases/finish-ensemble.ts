import {
  type Artifact,
  artifactOf,
  dealingName,
  encodeOutOfFold,
  type FinetuneParameters,
  type OutOfFoldPage,
  outOfBagPageOf,
  outOfFoldPageOf,
  type ProbeParameters,
  packEnsemble,
  packNetworks,
  pagesOfMember,
} from '@florilegium/ensemble';
import { failedPrecondition, internal } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { ClaimedBatch } from '@florilegium/work';
import type { Backbone, MemberRecord, Training, TrainingResult } from '../domain/training.ts';
import { phaseSeconds, trainingsEnded } from '../metrics.ts';
import type { Schema } from '../schema.ts';
import { type Store, unitOn } from '../store.ts';
import type { Compute } from '../training/compute.ts';
import { type Dataset, decodeDataset } from '../training/dataset.ts';
import { announceEnd } from './announce-end.ts';

export interface FinishEnsembleDeps {
  store: Store;
  objects: ObjectStore;
  compute: Compute;
  log: Log;
  codeVersion: string;
}

/** What is finished: a training whose members are all there. */
interface Finishing {
  training: Training & { backbone: Backbone };
  members: MemberRecord[];
  /** In member order. */
  logits: Float64Array[];
  /** As it is stored, and read. */
  encoded: Buffer;
  dataset: Dataset;
  signal: AbortSignal;
}

interface Finished extends Pick<TrainingResult, 'scores' | 'temperature'> {
  outOfFold: Artifact;
  manifest: Artifact;
}

/** Third phase: out-of-fold scores and temperature from all members, then manifest, row and event. */
export async function finishEnsemble(deps: FinishEnsembleDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const { store, objects, log } = deps;
  const timer = phaseSeconds.startTimer({ phase: 'finish' });
  const training = await store.trainings.findTraining(batch.runId);
  if (!training?.dataset || !training.backbone) throw failedPrecondition(`training ${batch.runId} is not prepared`);
  const members = await store.trainings.listMembers(training.id);
  if (members.length !== training.memberCount) {
    throw internal(`training ${training.id} has ${members.length} of ${training.memberCount} members`);
  }
  const encoded = await objects.get(training.dataset.key, { sha256: training.dataset.sha256 });
  const logits = await Promise.all(
    members.map(async (member) => logitsOf(await objects.get(member.logits.key, { sha256: member.logits.sha256 }))),
  );
  const finish = training.method === 'finetune' ? finishNetworks : finishHeads;
  const { scores, temperature, outOfFold, manifest } = await finish(deps, {
    training: { ...training, backbone: training.backbone },
    members,
    logits,
    encoded,
    dataset: decodeDataset(encoded),
    signal: batch.signal,
  });
  // The manifest goes last: whoever can read it finds all that it names.
  await objects.putContent('models', 'jsonl', outOfFold.bytes);
  await objects.putContent('models', 'json', manifest.bytes);
  await batch.complete(async (tx) => {
    const unit = unitOn(tx);
    await unit.trainings.recordResult(training.id, {
      manifest: { key: manifest.key, sha256: manifest.sha256 },
      outOfFold: { key: outOfFold.key, sha256: outOfFold.sha256 },
      temperature,
      scores,
    });
    // The iteration may have been bound while this batch ran.
    await announceEnd(unit, (await unit.trainings.findTraining(training.id))!);
  });
  trainingsEnded.inc({ state: 'done' });
  const { accuracy, auc, logLoss } = scores;
  log.info(
    { trainingId: training.id, ensembleId: training.ensembleId, accuracy, auc, logLoss, seconds: timer() },
    'ensemble trained',
  );
}

async function finishHeads(
  { objects, compute, codeVersion }: FinishEnsembleDeps,
  finishing: Finishing,
): Promise<Finished> {
  const { training, members, logits, encoded, dataset, signal } = finishing;
  const parameters = training.parameters as unknown as ProbeParameters;
  const calibration = await compute.run({ kind: 'calibrate', dataset: encoded, parameters, logits }, { signal });
  const outOfFold = outOfFoldArtifact(dataset, calibration.outOfFoldProbabilities, members.length, (page, own) =>
    outOfFoldPageOf(dataset.pageIds[page]!, dataset.labels[page]!, own, calibration.foldsBy),
  );
  const heads = await Promise.all(
    members.map(async (member) => ({
      ...member,
      ...headOf(await objects.get(member.weights.key, { sha256: member.weights.sha256 })),
    })),
  );
  const { manifest, weights } = packEnsemble(
    {
      ...originOf(finishing, codeVersion),
      method: 'probe',
      parameters,
      l2Tried: training.l2Tried,
      outOfFold: {
        scores: calibration.scores,
        foldsBy: calibration.foldsBy,
        foldCount: calibration.foldCount,
        key: outOfFold.key,
        sha256: outOfFold.sha256,
      },
    },
    calibration.temperature,
    heads,
  );
  weights.forEach((file, member) => {
    if (file.key !== members[member]!.weights.key)
      throw internal(`member ${member} does not pack into its own weights`);
  });
  return { scores: calibration.scores, temperature: calibration.temperature, outOfFold, manifest };
}

async function finishNetworks(
  { objects, compute, codeVersion }: FinishEnsembleDeps,
  finishing: Finishing,
): Promise<Finished> {
  const { training, members, logits, encoded, dataset, signal } = finishing;
  const parameters = training.parameters as unknown as FinetuneParameters;
  for (const { number, weights } of members) {
    if (!(await objects.head(weights.key))) throw internal(`the weights of member ${number}, ${weights.key}, are gone`);
  }
  const calibration = await compute.run({ kind: 'calibrate-networks', dataset: encoded, logits }, { signal });
  const { by } = pagesOfMember(dataset, parameters, 0);
  const outOfFold = outOfFoldArtifact(dataset, calibration.outOfBagProbabilities, members.length, (page, own) =>
    outOfBagPageOf(dataset.pageIds[page]!, dataset.labels[page]!, own, by),
  );
  const manifest = packNetworks(
    {
      ...originOf(finishing, codeVersion),
      method: 'finetune',
      parameters,
      outOfFold: {
        scores: calibration.scores,
        outOfBagBy: by,
        dealing: dealingName,
        key: outOfFold.key,
        sha256: outOfFold.sha256,
      },
    },
    calibration.temperature,
    members,
  );
  return { scores: calibration.scores, temperature: calibration.temperature, outOfFold, manifest };
}

/** A line for each page that `pageOf` makes one of, given its calibrated probabilities. */
function outOfFoldArtifact(
  { labels }: Dataset,
  probabilities: Float32Array,
  memberCount: number,
  pageOf: (page: number, own: Float32Array) => OutOfFoldPage | undefined,
): Artifact {
  const pages = labels.flatMap(
    (_, page) => pageOf(page, probabilities.subarray(page * memberCount, (page + 1) * memberCount)) ?? [],
  );
  return artifactOf(encodeOutOfFold(pages), 'jsonl');
}

function originOf({ training, members }: Finishing, codeVersion: string) {
  return {
    ensembleId: training.ensembleId,
    trainingId: training.id,
    labelSetId: training.labelSetId,
    labelSetSha256: training.labelSetSha256 ?? '',
    parentEnsembleId: training.parentEnsembleId,
    backbone: training.backbone,
    // More than one where workers of different kinds shared the members.
    tensorflowBackend: [...new Set(members.map((member) => member.tensorflowBackend))].sort().join(', '),
    codeVersion,
    droppedPageCount: training.droppedPageCount,
  };
}

function headOf(bytes: Buffer): { weights: Float32Array; bias: number } {
  const numbers = Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  return { weights: numbers.subarray(0, -1), bias: numbers.at(-1)! };
}

function logitsOf(bytes: Buffer): Float64Array {
  return Float64Array.from({ length: bytes.length / 8 }, (_, at) => bytes.readDoubleLE(at * 8));
}
