import {
  type FinetuneParameters,
  findColdStartReason,
  networkWeightsFile,
  readNetworkManifest,
  readNetworkMember,
} from '@florilegium/ensemble';
import { AppError, failedPrecondition, messageOf } from '@florilegium/errors';
import type { ClaimedBatch } from '@florilegium/work';
import type { StoredFile, Training } from '../domain/training.ts';
import type { Schema } from '../schema.ts';
import type { ComputeOptions } from '../training/compute.ts';
import { decodeDataset } from '../training/dataset.ts';
import { scratch } from '../training/scratch.ts';
import type { TrainedByMethod, TrainMemberDeps } from './train-member.ts';

/**
 * A member of method `finetune`: a network trained on the images, taken up where a lost worker's last checkpoint left it. A checkpoint is written
 * while training goes on; one that comes while the one before is still on its way is let go.
 */
export async function trainNetworkMember(
  deps: TrainMemberDeps,
  training: Training,
  { number, signal }: ClaimedBatch<Schema>,
  onEpoch: NonNullable<ComputeOptions['onEpoch']>,
): Promise<TrainedByMethod> {
  const { objects, compute, log, checkpointEveryMs } = deps;
  const { images } = training;
  if (!training.dataset || !images) throw failedPrecondition(`training ${training.id} is not prepared`);
  const dataset = await objects.get(training.dataset.key, { sha256: training.dataset.sha256 });
  const checkpointKey = scratch.checkpoint(training.id, number);
  const checkpoint = await getIfThere(deps, checkpointKey);
  let writing: Promise<void> | undefined;
  const member = await compute.run(
    {
      kind: 'train-network',
      dataset,
      images: await readInParts(deps, images),
      parameters: training.parameters as unknown as FinetuneParameters,
      member: number,
      parent: await parentOf(deps, training, dataset, number),
      checkpoint,
      checkpointEveryMs,
    },
    {
      signal,
      onEpoch,
      onCheckpoint: (bytes) => {
        writing ??= objects
          .put(checkpointKey, bytes)
          .then(
            () => log.debug({ trainingId: training.id, member: number, bytes: bytes.length }, 'checkpoint written'),
            (error) =>
              log.warn({ trainingId: training.id, member: number, reason: messageOf(error) }, 'checkpoint not written'),
          )
          .finally(() => {
            writing = undefined;
          });
      },
    },
  );
  await writing;
  const { loss, epochs, converged, warmStarted, tensorflowBackend, outOfBagLogits, resumedAtStep } = member;
  if (resumedAtStep > 0)
    log.info({ trainingId: training.id, member: number, resumedAtStep }, 'member was taken up again');
  const weights = networkWeightsFile(member.weights);
  return { weights, logits: outOfBagLogits, loss, epochs, converged, warmStarted, tensorflowBackend, resumedAtStep };
}

/** The whole object, hashed as it comes: a gigabyte hashed in one go would hold this thread, and its heartbeats, for a second. */
async function readInParts({ objects }: TrainMemberDeps, { key, sha256 }: StoredFile): Promise<Uint8Array> {
  const { stream, bytes } = await objects.getStream(key, { sha256 });
  const whole = new Uint8Array(bytes);
  let at = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function getIfThere({ objects }: TrainMemberDeps, key: string): Promise<Buffer | undefined> {
  try {
    return await objects.get(key);
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return undefined;
    throw error;
  }
}

/**
 * The weights of the parent's member of this number; none for a cold start: another architecture or side, or a parent whose member may have met
 * the pages that are to judge this one.
 */
async function parentOf(
  { store, objects, log }: TrainMemberDeps,
  training: Training,
  dataset: Uint8Array,
  number: number,
): Promise<Float32Array | undefined> {
  const { parentEnsembleId } = training;
  if (!parentEnsembleId) return undefined;
  const startCold = (reason: string) => {
    log.info({ trainingId: training.id, member: number, parentEnsembleId, reason }, 'cold start');
    return undefined;
  };
  const parent = await store.trainings.findByEnsemble(parentEnsembleId);
  if (!parent?.result || parent.backbone?.sha256 !== training.backbone?.sha256)
    return startCold('the parent is no network of this architecture and side');
  const { key, sha256 } = parent.result.manifest;
  const manifest = readNetworkManifest(await objects.get(key), sha256);
  const parameters = training.parameters as unknown as FinetuneParameters;
  const reason = findColdStartReason(decodeDataset(dataset), parameters, manifest);
  if (reason) return startCold(reason);
  return await readNetworkMember(manifest, number, (weightsKey) => objects.get(weightsKey));
}
