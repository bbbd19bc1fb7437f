import type { Training } from '../domain/training.ts';
import type { Unit } from '../store.ts';

/** Tells how a training ended, in the transaction that ends it. One event a training; trained ensembles by key and hash, never weights. */
export async function announceEnd(unit: Unit, training: Training): Promise<void> {
  const { id: trainingId, labelSetId, ensembleId, state, result, backbone } = training;
  const iterationId = training.iterationId ?? '';
  if (state === 'failed') {
    await unit.announce('trainer.training.failed', {
      trainingId,
      labelSetId,
      iterationId,
      reason: training.reason ?? '',
    });
  } else if (state === 'cancelled') {
    await unit.announce('trainer.training.cancelled', { trainingId, labelSetId, iterationId });
  } else if (state === 'done' && result && backbone) {
    const { accuracy, auc, logLoss, pages } = result.scores;
    await unit.announce('trainer.ensemble.trained', {
      ensembleId,
      trainingId,
      labelSetId,
      iterationId,
      manifestKey: result.manifest.key,
      manifestSha256: result.manifest.sha256,
      outOfFoldKey: result.outOfFold.key,
      outOfFoldSha256: result.outOfFold.sha256,
      temperature: result.temperature,
      backboneName: backbone.name,
      backboneSha256: backbone.sha256,
      memberCount: training.memberCount,
      scores: { accuracy, auc, logLoss, pageCount: pages },
      droppedPageCount: training.droppedPageCount,
    });
  }
}
