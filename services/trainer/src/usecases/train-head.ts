import { type LinearHead, memberWeightsArtifact, type ProbeParameters, unpackAnyEnsemble } from '@florilegium/ensemble';
import { failedPrecondition } from '@florilegium/errors';
import type { ClaimedBatch } from '@florilegium/work';
import type { Training } from '../domain/training.ts';
import type { Schema } from '../schema.ts';
import type { ComputeOptions } from '../training/compute.ts';
import type { TrainedByMethod, TrainMemberDeps } from './train-member.ts';

/** A member of method `probe`: a linear head on the embeddings of the dataset. */
export async function trainHead(
  deps: TrainMemberDeps,
  training: Training,
  { number, signal }: ClaimedBatch<Schema>,
  onEpoch: NonNullable<ComputeOptions['onEpoch']>,
): Promise<TrainedByMethod> {
  const { dataset: file, l2, parameters } = training;
  if (!file || l2 === null) throw failedPrecondition(`training ${training.id} is not prepared`);
  const dataset = await deps.objects.get(file.key, { sha256: file.sha256 });
  const parent = await parentOf(deps, training, number);
  const member = await deps.compute.run(
    {
      kind: 'train-member',
      dataset,
      parameters: parameters as unknown as ProbeParameters,
      member: number,
      l2,
      parent,
    },
    { signal, onEpoch },
  );
  const { loss, epochs, converged, warmStarted, tensorflowBackend, outOfFoldLogits } = member;
  const weights = memberWeightsArtifact(member).bytes;
  return {
    weights,
    logits: outOfFoldLogits,
    loss,
    epochs,
    converged,
    warmStarted,
    tensorflowBackend,
    resumedAtStep: 0,
  };
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
  const unpacked = await unpackAnyEnsemble(await objects.get(manifest.key), manifest.sha256, (key) => objects.get(key));
  return unpacked.method === 'probe' ? unpacked.ensemble.members[number] : undefined;
}
