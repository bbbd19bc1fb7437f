import { resourceExhausted } from '@florilegium/errors';

export interface Turns {
  /**
   * Does the work when its turn comes.
   * @throws resource_exhausted when too many wait already; the signal's reason when it aborts before the turn comes
   */
  take<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

/** Work of one kind: so much of it at once, so much waits in the order of its coming, and more is refused. */
export function createTurns({
  inFlightMax,
  waitingMax,
  refusal,
}: {
  inFlightMax: number;
  waitingMax: number;
  refusal: string;
}): Turns {
  let inFlight = 0;
  const waiting = new Set<() => void>();

  async function wait(signal: AbortSignal): Promise<void> {
    if (waiting.size >= waitingMax) throw resourceExhausted(refusal, { retryAfterMs: 2000 });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      waiting.delete(resolve);
      reject(signal.reason);
    };
    waiting.add(resolve);
    signal.addEventListener('abort', leave, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  return {
    take: async (work, signal) => {
      signal.throwIfAborted();
      if (inFlight >= inFlightMax) await wait(signal);
      else inFlight++;
      try {
        return await work();
      } finally {
        const [next] = waiting;
        // The place passes on without being free in between.
        if (next) {
          waiting.delete(next);
          next();
        } else inFlight--;
      }
    },
  };
}
