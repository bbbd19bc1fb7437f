import type { RunCancelled } from '@florilegium/contracts/inference/events';
import type { Store } from '../store.ts';
import { noteFailedRun } from '../usecases/note-failed-run.ts';

export const onRunCancelled =
  (deps: { store: Store }) =>
  async ({ runId, ensembleId }: RunCancelled): Promise<void> =>
    noteFailedRun(deps, { runId, ensembleId, pageSetId: '', rule: '', reason: 'it was cancelled' });
