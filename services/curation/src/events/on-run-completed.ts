import type { RunCompleted } from '@florilegium/contracts/inference/events';
import type { Store } from '../store.ts';
import { noteCompletedRun } from '../usecases/note-completed-run.ts';

export const onRunCompleted =
  (deps: { store: Store }) =>
  async (event: RunCompleted): Promise<void> =>
    noteCompletedRun(deps, {
      ...event,
      predictedCount: Number(event.predictedCount),
      noImageCount: Number(event.noImageCount),
    });
