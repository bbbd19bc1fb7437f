import { expect, it } from 'vitest';
import { checkMayPublish, isFrozen, listingOf, stateAfterWithdrawal } from './hq-list.ts';

it('lists a page whose probability reaches the threshold', () => {
  expect(listingOf(0.5, 0.5, null)).toEqual({ listed: true, by: 'score' });
  expect(listingOf(0.4999, 0.5, null)).toEqual({ listed: false, by: 'score' });
});

it('lets a label beat the score: HQ in, LQ and NOT_SURE out', () => {
  expect(listingOf(0.01, 0.5, 'HQ')).toEqual({ listed: true, by: 'label' });
  expect(listingOf(0.99, 0.5, 'LQ')).toEqual({ listed: false, by: 'label' });
  expect(listingOf(0.99, 0.5, 'NOT_SURE')).toEqual({ listed: false, by: 'label' });
});

it('lists a page without a score by its label alone', () => {
  expect(listingOf(null, 0, null)).toEqual({ listed: false, by: 'score' });
  expect(listingOf(null, 0.5, 'HQ')).toEqual({ listed: true, by: 'label' });
});

it('begins no list while another is unfinished', () => {
  checkMayPublish(undefined);
  checkMayPublish({ version: 1, state: 'published' });
  checkMayPublish({ version: 1, state: 'failed' });
  expect(() => checkMayPublish({ version: 3, state: 'auditing' })).toThrow('list 3 is auditing');
});

it('withdraws a list that could be read, cancels one that is being made, and leaves one that came to nothing', () => {
  expect((['auditing', 'published'] as const).map(stateAfterWithdrawal)).toEqual(['withdrawn', 'withdrawn']);
  expect((['predicting', 'importing'] as const).map(stateAfterWithdrawal)).toEqual(['cancelled', 'cancelled']);
  expect(stateAfterWithdrawal('failed')).toBeUndefined();
});

it('shows pages once they are frozen', () => {
  expect(['predicting', 'failed', 'cancelled'].some((state) => isFrozen(state as never))).toBe(false);
  expect(['auditing', 'published', 'withdrawn'].every((state) => isFrozen(state as never))).toBe(true);
});
