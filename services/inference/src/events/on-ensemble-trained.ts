import type { EventPayload } from '@florilegium/contracts';
import { checkUuid } from '../domain/prediction-run.ts';
import { type RecordEnsembleDeps, recordEnsemble } from '../usecases/record-ensemble.ts';

export const onEnsembleTrained =
  (deps: RecordEnsembleDeps) =>
  async (event: EventPayload<'trainer.ensemble.trained'>): Promise<void> => {
    await recordEnsemble(deps, {
      id: checkUuid(event.ensembleId, 'ensembleId'),
      trainingId: event.trainingId || undefined,
      labelSetId: event.labelSetId || undefined,
      iterationId: event.iterationId || undefined,
      manifestKey: event.manifestKey,
      manifestSha256: event.manifestSha256,
      backboneName: event.backboneName,
      backboneSha256: event.backboneSha256,
      memberCount: event.memberCount,
      temperature: event.temperature,
    });
  };
