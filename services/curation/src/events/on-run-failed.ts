import type { RunFailed } from '@florilegium/contracts/inference/events';
import type { Store } from '../store.ts';
import { noteFailedRun } from '../usecases/note-failed-run.ts';

export const onRunFailed =
  (deps: { store: Store }) =>
  async (event: RunFailed): Promise<void> =>
    noteFailedRun(deps, { ...event, reason: event.reason || 'failed without a reason' });
