import { type LinearHead, memberWeightsArtifact, type ProbeParameters, unpackEnsemble } from '@florilegium/ensemble';
import { failedPrecondition, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ObjectStore } from '@florilegium/object-store';
import type { ClaimedBatch } from '@florilegium/work';
import type { Training } from '../domain/training.ts';
import { phaseSeconds } from '../metrics.ts';
import type { Epoch } from '../repos/trainings.repo.ts';
import type { Schema } from '../schema.ts';
import { type Store, unitOn } from '../store.ts';
import type { Compute } from '../training/compute.ts';

export interface TrainMemberDeps {
  store: Store;
  objects: ObjectStore;
  compute: Compute;
  log: Log;
}

/** How often the epochs of a member in training are shown. */
const epochsShownEveryMs = 500;

/** Second phase, one batch a member: trains it in a thread, stores its weights, records it; the last one starts the third phase. */
export async function trainMember(deps: TrainMemberDeps, batch: ClaimedBatch<Schema>): Promise<void> {
  const { store, objects, compute, log } = deps;
  const timer = phaseSeconds.startTimer({ phase: 'member' });
  const training = await store.trainings.findTraining(batch.runId);
  if (!training?.dataset || training.l2 === null) throw failedPrecondition(`training ${batch.runId} is not prepared`);
  const dataset = await objects.get(training.dataset.key, { sha256: training.dataset.sha256 });
  const parent = await parentOf(deps, training, batch.number);
  const epochs: Epoch[] = [];
  const show = setInterval(() => {
    store.trainings
      .recordEpochs(training.id, epochs.splice(0))
      .catch((error) => log.warn({ trainingId: training.id, reason: messageOf(error) }, 'epochs not recorded'));
  }, epochsShownEveryMs);
  try {
    const member = await compute.run(
      {
        kind: 'train-member',
        dataset,
        parameters: training.parameters as unknown as ProbeParameters,
        member: batch.number,
        l2: training.l2,
        parent,
      },
      { signal: batch.signal, onEpoch: (epoch, loss) => epochs.push({ member: batch.number, epoch, loss }) },
    );
    const weights = await objects.putContent('models', 'bin', memberWeightsArtifact(member).bytes);
    const { buffer, byteOffset, byteLength } = member.outOfFoldLogits;
    const logits = await objects.putContent('models', 'bin', new Uint8Array(buffer, byteOffset, byteLength));
    clearInterval(show);
    const seconds = timer();
    const { loss, warmStarted, tensorflowBackend } = member;
    await batch.complete(async (tx, { unfinished }) => {
      const unit = unitOn(tx);
      await unit.trainings.recordEpochs(training.id, epochs);
      await unit.trainings.recordMember(training.id, {
        number: batch.number,
        weights: { key: weights.key, sha256: weights.sha256 },
        logits: { key: logits.key, sha256: logits.sha256 },
        loss,
        epochs: member.epochs,
        converged: member.converged,
        warmStarted,
        seconds,
        tensorflowBackend,
        attempt: batch.attempt,
      });
      if (unfinished === 0) {
        await unit.trainings.markFinishing(training.id);
        await unit.enqueue('finish', training.id, [{ number: 0 }]);
      }
    });
    log.info(
      { trainingId: training.id, member: batch.number, loss, epochs: member.epochs, warmStarted, seconds },
      'member trained',
    );
  } finally {
    clearInterval(show);
  }
}

/** The parent's member of this number; none for a cold start, another backbone, or a parent with fewer members. */
async function parentOf(
  { store, objects, log }: TrainMemberDeps,
  training: Training,
  number: number,
): Promise<LinearHead | undefined> {
  if (!training.parentEnsembleId) return undefined;
  const parent = await store.trainings.findByEnsemble(training.parentEnsembleId);
  if (!parent?.result || parent.backbone?.sha256 !== training.backbone?.sha256) {
    log.info(
      { trainingId: training.id, member: number, parentEnsembleId: training.parentEnsembleId },
      'cold start: the parent has another backbone',
    );
    return undefined;
  }
  const { manifest } = parent.result;
  const { ensemble } = await unpackEnsemble(await objects.get(manifest.key), manifest.sha256, (key) =>
    objects.get(key),
  );
  return ensemble.members[number];
}
