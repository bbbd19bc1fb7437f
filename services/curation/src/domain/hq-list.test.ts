import { expect, it } from 'vitest';
import { checkMayPublish, isFrozen, listingOf } from './hq-list.ts';

it('lists a page whose probability reaches the threshold', () => {
  expect(listingOf(0.5, 0.5, null)).toEqual({ listed: true, by: 'score' });
  expect(listingOf(0.4999, 0.5, null)).toEqual({ listed: false, by: 'score' });
});

it('lets a label beat the score: HQ in, LQ and NOT_SURE out', () => {
  expect(listingOf(0.01, 0.5, 'HQ')).toEqual({ listed: true, by: 'label' });
  expect(listingOf(0.99, 0.5, 'LQ')).toEqual({ listed: false, by: 'label' });
  expect(listingOf(0.99, 0.5, 'NOT_SURE')).toEqual({ listed: false, by: 'label' });
});

it('begins no list while another is unfinished', () => {
  checkMayPublish(undefined);
  checkMayPublish({ version: 1, state: 'published' });
  checkMayPublish({ version: 1, state: 'failed' });
  expect(() => checkMayPublish({ version: 3, state: 'auditing' })).toThrow('list 3 is auditing');
});

it('shows pages once they are frozen', () => {
  expect(['predicting', 'failed'].map((state) => isFrozen(state as never))).toEqual([false, false]);
  expect(['auditing', 'published', 'withdrawn'].every((state) => isFrozen(state as never))).toBe(true);
});
