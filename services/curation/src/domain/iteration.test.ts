import { expect, it } from 'vitest';
import {
  checkCanTrain,
  checkMayStart,
  type IterationMove,
  type IterationState,
  iterationStates,
  mayMove,
  moveIteration,
} from './iteration.ts';

it('walks from draft to closed', () => {
  const path: IterationMove[] = ['freeze', 'train', 'trained', 'predicted', 'close'];
  const states: IterationState[] = ['draft'];
  for (const move of path) states.push(moveIteration(1, states.at(-1)!, move));
  expect(states).toEqual(['draft', 'frozen', 'training', 'predicting', 'review', 'closed']);
});

it('fails while it waits for others, and goes on where it failed', () => {
  expect(moveIteration(1, 'training', 'fail')).toBe('failed');
  expect(moveIteration(1, 'predicting', 'fail')).toBe('failed');
  expect(moveIteration(1, 'failed', 'retryTraining')).toBe('training');
  expect(moveIteration(1, 'failed', 'retryPredicting')).toBe('predicting');
  expect(mayMove('review', 'fail')).toBe(false);
});

it('cannot leave its final states', () => {
  const moves: IterationMove[] = [
    'freeze',
    'train',
    'trained',
    'predicted',
    'close',
    'fail',
    'retryTraining',
    'cancel',
  ];
  for (const state of ['closed', 'cancelled'] as const)
    expect(moves.filter((move) => mayMove(state, move))).toEqual([]);
});

it('names the states that a refused move needs', () => {
  expect(() => moveIteration(4, 'closed', 'cancel')).toThrow('iteration 4 is closed: cancel needs draft or frozen or');
});

it('starts beside nothing, or after one that is reviewed, closed or cancelled', () => {
  checkMayStart(undefined);
  const allowed = iterationStates.filter((state) => {
    try {
      checkMayStart({ number: 2, state });
      return true;
    } catch {
      return false;
    }
  });
  expect(allowed).toEqual(['review', 'closed', 'cancelled']);
});

it('trains only when both classes are labelled', () => {
  checkCanTrain({ HQ: 1, LQ: 1 });
  expect(() => checkCanTrain({ HQ: 3, LQ: 0 })).toThrow('labelled LQ');
});
