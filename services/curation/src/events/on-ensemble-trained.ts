import type { EnsembleTrained } from '@florilegium/contracts/trainer/events';
import type { Store } from '../store.ts';
import { acceptEnsemble } from '../usecases/accept-ensemble.ts';

export const onEnsembleTrained =
  (deps: { store: Store }) =>
  async (event: EnsembleTrained): Promise<void> => {
    const { scores } = event;
    await acceptEnsemble(deps, {
      iterationId: event.iterationId,
      labelSetId: event.labelSetId,
      ensembleId: event.ensembleId,
      manifestSha256: event.manifestSha256,
      backboneName: event.backboneName,
      outOfFoldKey: event.outOfFoldKey,
      outOfFoldSha256: event.outOfFoldSha256,
      scores: scores
        ? { accuracy: scores.accuracy, auc: scores.auc, logLoss: scores.logLoss, pageCount: scores.pageCount }
        : null,
    });
  };
