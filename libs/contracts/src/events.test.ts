import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent, eventNameOf, events, subjectOf } from './events.ts';

describe('the event table', () => {
  it('gives each event a subject that leads back to it', () => {
    for (const name of Object.keys(events) as (keyof typeof events)[]) {
      expect(subjectOf(name)).toMatch(/^florilegium\.[a-z]+\.[a-z_]+\.[a-z]+\.v1$/);
      expect(eventNameOf(subjectOf(name))).toBe(name);
    }
  });

  it('knows no event for foreign subjects', () => {
    expect(eventNameOf('florilegium.trainer.ensemble.trained.v2')).toBeUndefined();
    expect(eventNameOf('florilegium.toString.v1')).toBeUndefined();
    expect(eventNameOf('other.trainer.ensemble.trained.v1')).toBeUndefined();
  });

  it('carries a payload through its bytes', () => {
    const payload = { importId: 'a', pageCount: 63_862_938, keptPageCount: 2 ** 40 };
    expect(decodeEvent('catalog.import.completed', encodeEvent('catalog.import.completed', payload))).toEqual(payload);
  });
});
