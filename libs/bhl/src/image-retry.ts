import type { ImageFetchOutcome } from './image-fetch.ts';

/** Rounds of `fetchImage` that a page is given before it fails for good; each round is several requests. */
export interface RetryLimits {
  /** Rounds that may end in a fault of the source before the page is given up. */
  faultsMax: number;
  /** Rounds that may bring no whole image before the page counts as corrupt; counted apart from faults. */
  corruptMax: number;
  /** Times a page may be told to wait, which is no fault. */
  waitsMax: number;
  /** The first delay; it doubles with each fault. */
  delayMs: number;
  delayMsMax: number;
}

// Seven faults at 2, 4, … 128 s are about four minutes of a source that fails for this page alone; when all fail, the circuit breaker
// turns faults into waits of up to a minute each, 200 of which outlast an outage of three hours.
export const defaultRetryLimits: RetryLimits = {
  faultsMax: 8,
  corruptMax: 3,
  waitsMax: 200,
  delayMs: 2000,
  delayMsMax: 300_000,
};

export interface PageMove {
  state: 'retry_at' | 'stored' | 'missing' | 'placeholder' | 'corrupt' | 'blocked';
  detail: string;
  faults: number;
  corruptRounds: number;
  waits: number;
  /** From now; set for retry_at. */
  retryInMs: number | undefined;
}

/** What becomes of a page after a round. `random` is from 0 to 1 and spreads the retries. */
export function movePage(
  page: { faults: number; corruptRounds: number; waits: number },
  outcome: Pick<ImageFetchOutcome, 'kind'> & Partial<{ reason: string; retryAfterMs: number; throttled: boolean }>,
  limits: RetryLimits,
  random: number,
): PageMove {
  const { faults, corruptRounds, waits } = page;
  const detail = outcome.reason ?? '';
  const end = (state: PageMove['state'], why = detail): PageMove => ({
    state,
    detail: why,
    faults,
    corruptRounds,
    waits,
    retryInMs: undefined,
  });
  const backOff = () => Math.min(limits.delayMs * 2 ** (faults + corruptRounds), limits.delayMsMax) * (0.5 + random);
  switch (outcome.kind) {
    case 'fetched':
      return end('stored', '');
    case 'missing':
    case 'placeholder':
    case 'blocked':
      return end(outcome.kind);
    case 'retry-later': {
      if (outcome.throttled) {
        if (waits + 1 >= limits.waitsMax) return end('blocked', `gave up after ${waits + 1} waits: ${detail}`);
        const retryInMs = (outcome.retryAfterMs ?? limits.delayMs) * (1 + 0.2 * random);
        return { state: 'retry_at', detail, faults, corruptRounds, waits: waits + 1, retryInMs };
      }
      if (faults + 1 >= limits.faultsMax) return end('blocked', `gave up after ${faults + 1} tries: ${detail}`);
      return { state: 'retry_at', detail, faults: faults + 1, corruptRounds, waits, retryInMs: backOff() };
    }
    case 'corrupt':
      if (corruptRounds + 1 >= limits.corruptMax) return end('corrupt');
      return { state: 'retry_at', detail, faults, corruptRounds: corruptRounds + 1, waits, retryInMs: backOff() };
  }
}
