import type { Log } from '@florilegium/log';
import { createAskedThread } from '../threads/ask-thread.ts';
import type { HeadRequest, HeadThreadSetup } from './head-thread.ts';

export interface HeadRunner {
  /**
   * Calibrated P(HQ) by every member of the rows of all parts, in their order, row-major [rows, members], in a thread of its own.
   * Rejects with the thread's error (a shard that is damaged or gone); with `internal` when the thread dies, and the next request
   * gets a new one.
   */
  predict(request: HeadRequest): Promise<Float32Array>;
  close(): Promise<void>;
}

export function createHeadRunner(setup: HeadThreadSetup, log: Log): HeadRunner {
  const thread = createAskedThread<HeadRequest, Float32Array>(new URL('./head-thread.ts', import.meta.url), {
    name: 'head',
    setup,
    log,
  });
  thread.start();
  return { predict: (request) => thread.ask(request), close: () => thread.close() };
}
