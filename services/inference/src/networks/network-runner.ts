import type { Log } from '@florilegium/log';
import { createTurns, type Turns } from '../domain/turns.ts';
import { createAskedThread } from '../threads/ask-thread.ts';
import type { NetworkRequest, NetworkThreadSetup } from './network-thread.ts';

export interface NetworkRunner {
  /**
   * Calibrated P(HQ) by every member, row-major [pages, members]. One request after the other, in a thread that starts with the first and keeps the
   * last ensemble loaded. `pixels` are handed over. Rejects with the thread's error; with `internal` when it dies, and the next
   * request gets a new one.
   */
  predict(request: NetworkRequest): Promise<Float32Array>;
  /** One batch at a time: several would share the one thread, each with its stream of images open all the while. */
  turns: Turns;
  close(): Promise<void>;
}

export function createNetworkRunner(setup: NetworkThreadSetup, log: Log): NetworkRunner {
  const thread = createAskedThread<NetworkRequest, Float32Array>(new URL('./network-thread.ts', import.meta.url), {
    name: 'network',
    setup,
    log,
  });
  let last: Promise<unknown> = Promise.resolve();
  return {
    predict: (request) => {
      const answer = last.then(() => thread.ask(request, [request.pixels.buffer]));
      last = answer.catch(() => {});
      return answer;
    },
    turns: createTurns({ inFlightMax: 1, waitingMax: Number.POSITIVE_INFINITY, refusal: '' }),
    close: () => thread.close(),
  };
}
