import type { TrainingFailed } from '@florilegium/contracts/trainer/events';
import type { Store } from '../store.ts';
import { failTraining } from '../usecases/fail-iteration.ts';

export const onTrainingFailed =
  ({ store }: { store: Store }) =>
  async ({ trainingId, iterationId, labelSetId, reason }: TrainingFailed): Promise<void> =>
    store.inTransaction((tx) =>
      failTraining(tx, { trainingId, iterationId, labelSetId, reason: reason || 'the training failed' }),
    );
