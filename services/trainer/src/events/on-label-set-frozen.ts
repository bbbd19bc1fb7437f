import type { EventHandlers } from '@florilegium/messaging';
import { type StartTrainingDeps, startIterationTraining } from '../usecases/start-training.ts';

export const onLabelSetFrozen =
  (deps: StartTrainingDeps): EventHandlers['curation.label_set.frozen'] =>
  ({ iterationId, labelSetId, method, parametersJson, parentEnsembleId }, { messageId }) =>
    startIterationTraining(deps, {
      messageId,
      iterationId,
      labelSetId,
      method: method || 'probe',
      parametersJson,
      parentEnsembleId: parentEnsembleId || null,
    });
