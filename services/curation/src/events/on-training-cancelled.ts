import type { TrainingCancelled } from '@florilegium/contracts/trainer/events';
import type { Store } from '../store.ts';
import { failTraining } from '../usecases/fail-iteration.ts';

/** A training that its own iteration cancelled finds that iteration cancelled; any other leaves its iteration without an ensemble. */
export const onTrainingCancelled =
  ({ store }: { store: Store }) =>
  async ({ trainingId, iterationId, labelSetId }: TrainingCancelled): Promise<void> =>
    store.inTransaction((tx) =>
      failTraining(tx, { trainingId, iterationId, labelSetId, reason: 'the training was cancelled' }),
    );
