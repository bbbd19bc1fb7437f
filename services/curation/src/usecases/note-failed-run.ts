import type { Store } from '../store.ts';
import { failIteration } from './fail-iteration.ts';
import { failHqList } from './publish-hq-list.ts';

/** A prediction run failed or was cancelled: so does what waits for it, with the reason. */
export async function noteFailedRun(
  { store }: { store: Store },
  run: { ensembleId: string; pageSetId: string; rule: string; runId: string; reason: string },
): Promise<void> {
  await store.inTransaction(async (tx) => {
    if (!(await tx.iterations.noteEndedRun(run.runId))) return;
    const list = (await tx.hqLists.list()).find(({ runId, state }) => runId === run.runId && state === 'predicting');
    const waiting = list ?? (run.rule === '' ? undefined : await tx.hqLists.lockPredicting(run.ensembleId, run.rule));
    if (waiting) return await failHqList(tx, waiting.id, run.reason);
    const iteration = await tx.iterations.lockByEnsemble(run.ensembleId);
    if (!iteration) return;
    const mine = (await tx.iterations.listRuns(iteration.id)).find(
      ({ pageSetId, runId }) => pageSetId === run.pageSetId || runId === run.runId,
    );
    if (mine && mine.state !== 'collected')
      await failIteration(tx, iteration, `the prediction run over ${mine.pageSet}: ${run.reason}`);
  });
}
