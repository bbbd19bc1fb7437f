import { describe, expect, it } from 'vitest';
import { checkRunRequest, type FetchRunRequest, isSameRequest, paceOf } from './fetch-run.ts';

const ofIds = (pageIds: number[], over: Partial<FetchRunRequest> = {}): FetchRunRequest => ({
  selection: { kind: 'page-ids', pageIds },
  size: 'medium',
  startIndex: 0,
  maxCount: 0,
  concurrency: 0,
  ...over,
});

describe('checkRunRequest', () => {
  it('sorts ids, drops repeats and cuts them to the part asked for', () => {
    expect(checkRunRequest(ofIds([30, 10, 20, 10, 40], { startIndex: 1, maxCount: 2 }))).toEqual(ofIds([20, 30]));
  });

  it.each([
    [ofIds([]), /0 ids; 1 to 500/],
    [ofIds(Array.from({ length: 501 }, (_, i) => i + 1)), /501 ids/],
    [ofIds([1, 2.5]), /2.5 is no PageID/],
    [ofIds([1], { startIndex: -1 }), /whole number/],
    [ofIds([1], { selection: { kind: 'rule', rule: 'x; drop' } }), /no name of a rule/],
  ])('refuses %j', (request, message) => {
    expect(() => checkRunRequest(request)).toThrow(message);
  });
});

it('knows a repeated request from a different one', () => {
  expect(isSameRequest(ofIds([1, 2]), ofIds([1, 2]))).toBe(true);
  expect(isSameRequest(ofIds([1, 2]), ofIds([1, 2], { size: 'full' }))).toBe(false);
});

it('tells the pace of a run and the time left', () => {
  const run = {
    state: 'running',
    totalCount: 100,
    storedCount: 20,
    failedCount: 5,
    fetchedCount: 15,
    bytes: 2000,
    endedAt: null,
    pausedAt: null,
    pausedMs: 0,
  } as const;
  const startedAt = new Date('2026-01-01T00:00:00Z');
  expect(paceOf({ ...run, startedAt }, new Date('2026-01-01T00:00:10Z'))).toEqual({
    imagesPerSecond: 1.5,
    bytesPerSecond: 200,
    secondsLeft: 30,
  });
  expect(paceOf({ ...run, startedAt: null }, new Date())).toEqual({
    imagesPerSecond: 0,
    bytesPerSecond: 0,
    secondsLeft: null,
  });
});
