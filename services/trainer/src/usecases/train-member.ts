import type { TrainedMember } from '@florilegium/ensemble';
import { failedPrecondition, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { ClaimedBatch } from '@florilegium/work';
import { membersTrained, phaseSeconds } from '../metrics.ts';
import type { Epoch } from '../repos/trainings.repo.ts';
import type { Schema } from '../schema.ts';
import { type Store, unitOn } from '../store.ts';
import type { Compute } from '../training/compute.ts';
import { scratch } from '../training/scratch.ts';
import { trainHead } from './train-head.ts';
import { trainNetworkMember } from './train-network.ts';

export interface TrainMemberDeps {
  store: Store;
  objects: ObjectStore;
  compute: Compute;
  /** Shortest time between two checkpoints of a network. */
  checkpointEveryMs: number;
  log: Log;
}

/** What either method gives for a member. */
export interface TrainedByMethod extends Pick<TrainedMember, 'loss' | 'epochs' | 'converged' | 'warmStarted'> {
  /** The weight file. */
  weights: Uint8Array;
  /** Of each page of the dataset by models that never saw its item; NaN where the member has. */
  logits: Float64Array;
  tensorflowBackend: string;
  resumedAtStep: number;
}

/** How often the epochs of a member in training are shown. */
const epochsShownEveryMs = 500;

/** Second phase, one batch a member: trains it in a thread, stores its weights, records it; the last one starts the third phase. */
export async function trainMember(deps: TrainMemberDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const { store, objects, log } = deps;
  const timer = phaseSeconds.startTimer({ phase: 'member' });
  const training = await store.trainings.findTraining(batch.runId);
  if (!training) throw failedPrecondition(`training ${batch.runId} is not known`);
  const epochs: Epoch[] = [];
  const show = setInterval(() => {
    store.trainings
      .recordEpochs(training.id, epochs.splice(0))
      .catch((error) => log.warn({ trainingId: training.id, reason: messageOf(error) }, 'epochs not recorded'));
  }, epochsShownEveryMs);
  try {
    const train = training.method === 'finetune' ? trainNetworkMember : trainHead;
    const trained = await train(deps, training, batch, (epoch, loss, stopLoss) =>
      epochs.push({ member: batch.number, epoch, loss, stopLoss: stopLoss ?? null }),
    );
    const { weights: weightBytes, logits: logitValues, ...member } = trained;
    const weights = await objects.putContent('models', 'bin', inParts(weightBytes));
    const { buffer, byteOffset, byteLength } = logitValues;
    const logits = await objects.put(
      scratch.logits(training.id, batch.number, batch.attempt),
      new Uint8Array(buffer, byteOffset, byteLength),
    );
    clearInterval(show);
    const seconds = timer();
    await batch.complete(async (tx, { isLast }) => {
      const unit = unitOn(tx);
      await unit.trainings.recordEpochs(training.id, epochs);
      await unit.trainings.recordMember(training.id, {
        ...member,
        number: batch.number,
        weights: { key: weights.key, sha256: weights.sha256 },
        logits: { key: logits.key, sha256: logits.sha256 },
        seconds,
        attempt: batch.attempt,
      });
      if (isLast) {
        await unit.trainings.markFinishing(training.id);
        await unit.enqueue('finish', training.id, [{ number: 0 }]);
      }
    });
    membersTrained.inc({ method: training.method, backend: member.tensorflowBackend });
    log.info({ trainingId: training.id, member: batch.number, ...member, seconds }, 'member trained');
  } finally {
    clearInterval(show);
  }
}

/** Parts that are hashed and written one by one: those of an AlexNet in one go would hold this thread for a quarter of a second. */
async function* inParts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const partBytes = 4 << 20;
  for (let start = 0; start < bytes.length; start += partBytes) yield bytes.subarray(start, start + partBytes);
}
