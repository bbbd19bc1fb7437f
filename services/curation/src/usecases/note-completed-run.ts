import { pageSetNames } from '../domain/label.ts';
import type { Store } from '../store.ts';

export interface CompletedRun {
  runId: string;
  ensembleId: string;
  pageSetId: string;
  rule: string;
  predictedCount: number;
  noImageCount: number;
}

/**
 * A prediction run is done: its predictions are to be read, as queued work. A run is known by its ensemble and selection, not by its
 * id, for the event may be here before the answer that names the run. Runs that nothing waits for change nothing.
 */
export async function noteCompletedRun({ store }: { store: Store }, run: CompletedRun): Promise<void> {
  await store.inTransaction(async (tx) => {
    if (run.rule !== '') {
      const list = await tx.hqLists.lockPredicting(run.ensembleId, run.rule);
      if (!list) return;
      await tx.hqLists.setRun(list.id, run.runId);
      await tx.hqLists.setNoImageCount(list.id, run.noImageCount);
      await tx.enqueue('freeze-list', list.id, [0]);
      return;
    }
    const iteration = await tx.iterations.lockByEnsemble(run.ensembleId);
    if (iteration?.state !== 'predicting') return;
    const mine = (await tx.iterations.listRuns(iteration.id)).find(({ pageSetId }) => pageSetId === run.pageSetId);
    if (!mine || !(await tx.iterations.setRunCompleted(iteration.id, mine.pageSet, run))) return;
    await tx.enqueue('collect', iteration.id, [pageSetNames.indexOf(mine.pageSet)]);
  });
}
