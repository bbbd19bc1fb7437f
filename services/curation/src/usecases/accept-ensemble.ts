import { mayMove } from '../domain/iteration.ts';
import { pageSetNames } from '../domain/label.ts';
import type { OutOfFoldScores } from '../repos/iterations.repo.ts';
import type { Store } from '../store.ts';
import { moveTo } from './move-iteration.ts';

export interface TrainedEnsemble {
  iterationId: string;
  labelSetId: string;
  ensembleId: string;
  manifestSha256: string;
  backboneName: string;
  outOfFoldKey: string;
  outOfFoldSha256: string;
  scores: OutOfFoldScores | null;
}

/**
 * The iteration's ensemble is there: its out-of-fold scores are to be imported and its prediction runs to be started, as queued work.
 * An ensemble of no iteration, or of one that waits for none, changes nothing.
 */
export async function acceptEnsemble({ store }: { store: Store }, ensemble: TrainedEnsemble): Promise<void> {
  if (ensemble.iterationId === '') return;
  await store.inTransaction(async (tx) => {
    const iteration = await tx.iterations.lock(ensemble.iterationId);
    if (!iteration || iteration.labelSetId !== ensemble.labelSetId || !mayMove(iteration.state, 'trained')) return;
    await tx.iterations.setEnsemble(iteration.id, ensemble);
    await moveTo(tx, iteration, 'trained');
    const drawn = (await tx.pages.listPageSets()).filter(({ pageCount }) => pageCount > 0).map(({ name }) => name);
    await tx.iterations.addRuns(iteration.id, drawn);
    await tx.enqueue('import-scores', iteration.id, [0]);
    await tx.enqueue(
      'predict',
      iteration.id,
      drawn.map((name) => pageSetNames.indexOf(name)),
    );
  });
}
