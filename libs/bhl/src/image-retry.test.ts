import { describe, expect, it } from 'vitest';
import { defaultRetryLimits as limits, movePage } from './image-retry.ts';

const fresh = { faults: 0, corruptRounds: 0, waits: 0 };
const failing = { kind: 'retry-later', reason: 'status 500', retryAfterMs: 5000, throttled: false } as const;
const throttled = { kind: 'retry-later', reason: 'status 429', retryAfterMs: 30_000, throttled: true } as const;

describe('movePage', () => {
  it('ends with what is final at once', () => {
    expect(movePage(fresh, { kind: 'fetched' }, limits, 0.5)).toMatchObject({ state: 'stored' });
    for (const kind of ['missing', 'placeholder', 'blocked'] as const) {
      expect(movePage(fresh, { kind, reason: 'so' }, limits, 0.5)).toMatchObject({ state: kind, detail: 'so' });
    }
  });

  it('comes back after a fault, later each time, and gives up with the reason', () => {
    const delays: number[] = [];
    let page = fresh;
    for (let i = 1; i < limits.faultsMax; i++) {
      const move = movePage(page, failing, limits, 0.5);
      expect(move.state).toBe('retry_at');
      delays.push(move.retryInMs!);
      page = move;
    }
    expect(delays).toEqual([2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000]);
    expect(movePage(page, failing, limits, 0.5)).toMatchObject({
      state: 'blocked',
      detail: 'gave up after 8 tries: status 500',
    });
  });

  it('spreads the retries by half to one and a half of the delay', () => {
    expect(movePage(fresh, failing, limits, 0).retryInMs).toBe(1000);
    expect(movePage(fresh, failing, limits, 1).retryInMs).toBe(3000);
  });

  it('waits as long as it is told without counting a fault, never shorter, up to a bound', () => {
    expect(movePage({ ...fresh, faults: 3, waits: 7 }, throttled, limits, 0)).toMatchObject({
      state: 'retry_at',
      faults: 3,
      waits: 8,
      retryInMs: 30_000,
    });
    expect(movePage({ ...fresh, waits: 199 }, throttled, limits, 0)).toMatchObject({ state: 'blocked' });
  });

  it('believes that a page is corrupt only in the third round', () => {
    const corrupt = { kind: 'corrupt', reason: 'not an image: an HTML page' } as const;
    expect(movePage({ ...fresh, corruptRounds: 1 }, corrupt, limits, 0.5).state).toBe('retry_at');
    expect(movePage({ ...fresh, corruptRounds: 2 }, corrupt, limits, 0.5)).toMatchObject({
      state: 'corrupt',
      detail: corrupt.reason,
    });
    // Rounds in which the source failed say nothing of the image.
    expect(movePage({ ...fresh, faults: 6 }, corrupt, limits, 0.5)).toMatchObject({
      state: 'retry_at',
      faults: 6,
      corruptRounds: 1,
    });
  });
});
