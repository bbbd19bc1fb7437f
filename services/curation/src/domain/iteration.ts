// States of an iteration and the moves between them:
//
//     draft --freeze--> frozen --train--> training --trained--> predicting --predicted--> review --close--> closed
//                                            |                      |
//                                            \--------fail----------/--> failed --retry--> training or predicting, where it failed
//
//     draft | frozen | training | predicting | failed --cancel--> cancelled
//
// closed and cancelled are final. Starting the next iteration closes the one in review.
import { failedPrecondition } from '@florilegium/errors';

export const iterationStates = [
  'draft',
  'frozen',
  'training',
  'predicting',
  'review',
  'closed',
  'failed',
  'cancelled',
] as const;
export type IterationState = (typeof iterationStates)[number];

export type IterationMove =
  | 'freeze'
  | 'train'
  | 'trained'
  | 'predicted'
  | 'close'
  | 'fail'
  | 'retryTraining'
  | 'retryPredicting'
  | 'cancel';

const moves: Record<IterationMove, { from: readonly IterationState[]; to: IterationState }> = {
  freeze: { from: ['draft'], to: 'frozen' },
  train: { from: ['frozen'], to: 'training' },
  // The ensemble may be there before anybody was told that its training began.
  trained: { from: ['frozen', 'training'], to: 'predicting' },
  predicted: { from: ['predicting'], to: 'review' },
  close: { from: ['review'], to: 'closed' },
  fail: { from: ['frozen', 'training', 'predicting'], to: 'failed' },
  retryTraining: { from: ['failed'], to: 'training' },
  retryPredicting: { from: ['failed'], to: 'predicting' },
  cancel: { from: ['draft', 'frozen', 'training', 'predicting', 'failed'], to: 'cancelled' },
};

/** Whether the move is allowed now; an event that comes twice, or late, finds that it is not and changes nothing. */
export const mayMove = (state: IterationState, move: IterationMove): boolean => moves[move].from.includes(state);

/** The state after a move. @throws failed_precondition when the iteration is not in a state that has this move */
export function moveIteration(number: number, state: IterationState, move: IterationMove): IterationState {
  if (!mayMove(state, move))
    throw failedPrecondition(`iteration ${number} is ${state}: ${move} needs ${moves[move].from.join(' or ')}`);
  return moves[move].to;
}

/** Being worked on: no other may start meanwhile. */
export const isRunning = (state: IterationState): boolean =>
  state === 'draft' || state === 'frozen' || state === 'training' || state === 'predicting';

/** Nothing happens to it any more without a person; followers may stop following. */
export const isAtRest = (state: IterationState): boolean => !isRunning(state);

/** @throws failed_precondition when a new iteration may not start beside the newest one */
export function checkMayStart(newest: { number: number; state: IterationState } | undefined): void {
  if (!newest) return;
  if (isRunning(newest.state))
    throw failedPrecondition(`iteration ${newest.number} is ${newest.state}; one iteration runs at a time`);
  if (newest.state === 'failed')
    throw failedPrecondition(`iteration ${newest.number} failed; retry or cancel it before the next one starts`);
}

/** @throws failed_precondition unless the labels can train: both classes must be there */
export function checkCanTrain(counts: { HQ: number; LQ: number }): void {
  const missing = (['HQ', 'LQ'] as const).filter((label) => counts[label] === 0);
  if (missing.length > 0)
    throw failedPrecondition(`no page of the train and unlabelled sets is labelled ${missing.join(' or ')} yet`);
}
