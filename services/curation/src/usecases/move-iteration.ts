import { eventMessage } from '@florilegium/messaging';
import { type IterationMove, moveIteration } from '../domain/iteration.ts';
import { metrics } from '../metrics.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { TxStore } from '../store.ts';

/** Moves an iteration whose row is locked. @throws failed_precondition when its state has no such move */
export async function moveTo(
  tx: TxStore,
  iteration: Iteration,
  move: IterationMove,
  reason: string | null = null,
): Promise<Iteration> {
  const state = moveIteration(iteration.number, iteration.state, move);
  await tx.iterations.move(iteration.id, state, reason);
  metrics.iterationMoved(state);
  return { ...iteration, state, reason };
}

/** Tells trainer that the label set stands. Trainer knows a training by its label set, so telling it again asks for the same one. */
export async function announceLabelSet(tx: TxStore, iteration: Iteration): Promise<void> {
  const { HQ, LQ, NOT_SURE } = iteration.counts;
  await tx.emit([
    eventMessage('curation.label_set.frozen', {
      iterationId: iteration.id,
      iterationNumber: iteration.number,
      labelSetId: iteration.labelSetId ?? '',
      labelSetSha256: iteration.labelSetSha256 ?? '',
      labelCount: HQ + LQ + NOT_SURE,
      parentEnsembleId: iteration.parentEnsembleId ?? '',
      method: iteration.method,
      parametersJson: JSON.stringify(iteration.parameters),
    }),
  ]);
}
