import { Worker } from 'node:worker_threads';
import { AppError, cancelled, internal, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { NetworkReply, NetworkRequest, NetworkThreadSetup } from './network-thread.ts';

export interface NetworkRunner {
  /**
   * Calibrated P(HQ) by every member, row-major [pages, members]. One request after the other, in a thread that starts with the first and keeps the
   * last ensemble loaded. `pixels` are handed over. Rejects with the thread's error; with `internal` when it dies, and the next
   * request gets a new one.
   */
  predict(request: NetworkRequest): Promise<Float32Array>;
  close(): Promise<void>;
}

export function createNetworkRunner(setup: NetworkThreadSetup, log: Log): NetworkRunner {
  let worker: Worker | undefined;
  const asked: { resolve(probabilities: Float32Array): void; reject(error: Error): void }[] = [];
  let last: Promise<unknown> = Promise.resolve();

  const settleAll = (error: Error) => {
    for (const { reject } of asked.splice(0)) reject(error);
  };
  const start = () => {
    const started = new Worker(new URL('./network-thread.ts', import.meta.url), { workerData: setup, execArgv: [] });
    started.on('message', (reply: NetworkReply) => {
      if (reply.kind === 'log') log[reply.level](reply.fields, reply.text);
      else if (reply.kind === 'predicted') asked.shift()?.resolve(reply.probabilities);
      else asked.shift()?.reject(new AppError(reply.code, reply.reason));
    });
    started.on('error', (error) =>
      settleAll(internal(`the network thread failed: ${messageOf(error)}`, { cause: error })),
    );
    started.on('exit', (code) => {
      if (worker === started) worker = undefined;
      settleAll(internal(`the network thread ended with status ${code}`));
    });
    return started;
  };
  const ask = (request: NetworkRequest) =>
    new Promise<Float32Array>((resolve, reject) => {
      worker ??= start();
      asked.push({ resolve, reject });
      worker.postMessage(request, [request.pixels.buffer]);
    });

  return {
    predict: (request) => {
      const answer = last.then(() => ask(request));
      last = answer.catch(() => {});
      return answer;
    },
    close: async () => {
      settleAll(cancelled('the service stops'));
      await worker?.terminate();
    },
  };
}
