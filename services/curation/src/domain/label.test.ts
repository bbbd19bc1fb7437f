import { describe, expect, it } from 'vitest';
import { currentLabelOf, type Label, type LabelEvent, mayTrain, refusalOf } from './label.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 12, minute));
const given = (id: number, label: Label): LabelEvent => ({
  id,
  pageId: 7,
  kind: 'label',
  label,
  by: 'ada',
  at: at(id),
  queue: 'initial',
  iteration: null,
  tookMs: 900,
});
const undo = (id: number, undoes: number): LabelEvent => ({
  id,
  pageId: 7,
  kind: 'undo',
  undoes,
  by: 'ada',
  at: at(id),
});

describe('the current label', () => {
  it('is the last one given', () => {
    expect(currentLabelOf([given(1, 'HQ'), given(2, 'LQ')])?.label).toBe('LQ');
    expect(currentLabelOf([])).toBeUndefined();
  });

  it('falls back to the one before when the last is undone, and to none when all are', () => {
    const events = [given(1, 'HQ'), given(2, 'LQ'), undo(3, 2)];
    expect(currentLabelOf(events)?.label).toBe('HQ');
    expect(currentLabelOf([...events, undo(4, 1)])).toBeUndefined();
    expect(currentLabelOf([...events, undo(4, 1), given(5, 'NOT_SURE')])?.label).toBe('NOT_SURE');
  });

  it('does not depend on the order in which events are read', () => {
    expect(currentLabelOf([undo(3, 2), given(2, 'LQ'), given(1, 'HQ')])?.label).toBe('HQ');
  });

  it('can be asked as of any time', () => {
    const events = [given(1, 'HQ'), given(5, 'LQ'), undo(9, 5)];
    expect([at(0), at(1), at(6), at(9)].map((time) => currentLabelOf(events, time)?.label)).toEqual([
      undefined,
      'HQ',
      'LQ',
      'HQ',
    ]);
  });
});

describe('a label is refused', () => {
  it('for unknown, heldout and stop pages, naming the page', () => {
    expect(refusalOf(7, { pageSet: 'unknown', openAuditVersion: null }, undefined)?.code).toBe('not_found');
    expect(refusalOf(7, { pageSet: 'heldout', openAuditVersion: null }, 'review')?.message).toContain('page 7');
    expect(refusalOf(7, { pageSet: 'stop', openAuditVersion: null }, 'review')?.code).toBe('failed_precondition');
    expect(refusalOf(7, { pageSet: 'train', openAuditVersion: null }, 'initial')).toBeUndefined();
    expect(refusalOf(7, { pageSet: 'other', openAuditVersion: null }, undefined)).toBeUndefined();
  });

  it('for pages of an open audit unless it comes through the queue audit, and for other pages if it does', () => {
    expect(refusalOf(7, { pageSet: 'unlabelled', openAuditVersion: 3 }, 'review')?.message).toContain('list 3');
    expect(refusalOf(7, { pageSet: 'stop', openAuditVersion: 3 }, 'audit')).toBeUndefined();
    expect(refusalOf(7, { pageSet: 'heldout', openAuditVersion: 3 }, 'audit')).toBeUndefined();
    expect(refusalOf(7, { pageSet: 'train', openAuditVersion: null }, 'audit')?.code).toBe('failed_precondition');
  });
});

it('trains on train and unlabelled pages alone, and on none that was audited', () => {
  expect([mayTrain('train', false), mayTrain('unlabelled', false)]).toEqual([true, true]);
  expect([
    mayTrain('train', true),
    mayTrain('stop', false),
    mayTrain('heldout', false),
    mayTrain('other', false),
  ]).toEqual([false, false, false, false]);
});
