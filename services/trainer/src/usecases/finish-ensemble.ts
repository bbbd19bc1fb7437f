import {
  artifactOf,
  encodeOutOfFold,
  outOfFoldPageOf,
  type ProbeParameters,
  packEnsemble,
} from '@florilegium/ensemble';
import { failedPrecondition, internal } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { ClaimedBatch } from '@florilegium/work';
import type { Training } from '../domain/training.ts';
import { phaseSeconds, trainingsEnded } from '../metrics.ts';
import type { Schema } from '../schema.ts';
import { type Store, unitOn } from '../store.ts';
import type { Compute } from '../training/compute.ts';
import { decodeDataset } from '../training/dataset.ts';
import { announceEnd } from './announce-end.ts';

export interface FinishEnsembleDeps {
  store: Store;
  objects: ObjectStore;
  compute: Compute;
  log: Log;
  codeVersion: string;
}

/** Third phase: out-of-fold scores and temperature from all members, then manifest, row and event. */
export async function finishEnsemble(deps: FinishEnsembleDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const { store, objects, compute, log } = deps;
  const timer = phaseSeconds.startTimer({ phase: 'finish' });
  const training = await store.trainings.findTraining(batch.runId);
  if (!training?.dataset || !training.backbone) throw failedPrecondition(`training ${batch.runId} is not prepared`);
  const records = await store.trainings.listMembers(training.id);
  if (records.length !== training.memberCount) {
    throw internal(`training ${training.id} has ${records.length} of ${training.memberCount} members`);
  }
  const dataset = await objects.get(training.dataset.key, { sha256: training.dataset.sha256 });
  const members = await Promise.all(
    records.map(async (record) => ({
      ...record,
      ...weightsOf(await objects.get(record.weights.key, { sha256: record.weights.sha256 })),
      outOfFoldLogits: logitsOf(await objects.get(record.logits.key, { sha256: record.logits.sha256 })),
    })),
  );
  const parameters = training.parameters as unknown as ProbeParameters;
  const logits = members.map((member) => member.outOfFoldLogits);
  const calibration = await compute.run({ kind: 'calibrate', dataset, parameters, logits }, { signal: batch.signal });

  const { pageIds, labels } = decodeDataset(dataset);
  const outOfFold = artifactOf(
    encodeOutOfFold(
      labels.map((label, page) => {
        const own = calibration.outOfFoldProbabilities.subarray(page * members.length, (page + 1) * members.length);
        return outOfFoldPageOf(pageIds[page]!, label, own, calibration.foldsBy);
      }),
    ),
    'jsonl',
  );
  const { manifest, weights } = packEnsemble(
    {
      ensembleId: training.ensembleId,
      trainingId: training.id,
      labelSetId: training.labelSetId,
      labelSetSha256: training.labelSetSha256 ?? '',
      parentEnsembleId: training.parentEnsembleId,
      method: 'probe',
      parameters,
      backbone: training.backbone,
      tensorflowBackend: calibration.tensorflowBackend,
      codeVersion: deps.codeVersion,
      droppedPageCount: training.droppedPageCount,
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
    members,
  );
  weights.forEach((file, member) => {
    if (file.key !== records[member]!.weights.key)
      throw internal(`member ${member} does not pack into its own weights`);
  });
  // The manifest goes last: whoever can read it finds all that it names.
  await objects.putContent('models', 'jsonl', outOfFold.bytes);
  await objects.putContent('models', 'json', manifest.bytes);
  const done: Training = {
    ...training,
    state: 'done',
    result: {
      manifest: { key: manifest.key, sha256: manifest.sha256 },
      outOfFold: { key: outOfFold.key, sha256: outOfFold.sha256 },
      temperature: calibration.temperature,
      scores: calibration.scores,
    },
  };
  await batch.complete(async (tx) => {
    const unit = unitOn(tx);
    await unit.trainings.recordResult(training.id, done.result!);
    // The iteration may have been bound while this batch ran.
    await announceEnd(unit, (await unit.trainings.findTraining(training.id))!);
  });
  trainingsEnded.inc({ state: 'done' });
  const { accuracy, auc, logLoss } = calibration.scores;
  log.info(
    { trainingId: training.id, ensembleId: training.ensembleId, accuracy, auc, logLoss, seconds: timer() },
    'ensemble trained',
  );
}

function weightsOf(bytes: Buffer): { weights: Float32Array; bias: number } {
  const numbers = Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  return { weights: numbers.subarray(0, -1), bias: numbers.at(-1)! };
}

function logitsOf(bytes: Buffer): Float64Array {
  return Float64Array.from({ length: bytes.length / 8 }, (_, at) => bytes.readDoubleLE(at * 8));
}
