import type { EventHandlers } from '@florilegium/messaging';
import { cancelIterationTraining } from '../usecases/end-training.ts';
import type { StartTrainingDeps } from '../usecases/start-training.ts';

export const onIterationCancelled =
  (deps: StartTrainingDeps): EventHandlers['curation.iteration.cancelled'] =>
  ({ iterationId }) =>
    cancelIterationTraining(deps, iterationId);
