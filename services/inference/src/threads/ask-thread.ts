import { type Transferable, Worker } from 'node:worker_threads';
import { AppError, cancelled, type ErrorCode, internal, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';

/** What a thread says: answers and failures by the number of the request, and lines for the log. */
export type ThreadReply<Answer> =
  | { kind: 'answered'; id: number; answer: Answer }
  | { kind: 'failed'; id: number; code: ErrorCode; reason: string }
  | { kind: 'log'; level: 'info' | 'warn'; fields: object; text: string };

export interface AskedThread<Request, Answer> {
  /** Starts it now, so that the first request need not wait for that. */
  start(): void;
  /** Rejects with the thread's own error; with `internal` when the thread dies, and the next request gets a new one. */
  ask(request: Request, handedOver?: Transferable[]): Promise<Answer>;
  close(): Promise<void>;
}

/** A thread that runs the file at `url`, which calls `answerRequests`. It starts with the first request at the latest. */
export function createAskedThread<Request, Answer>(
  url: URL,
  { name, setup, log }: { name: string; setup: unknown; log: Log },
): AskedThread<Request, Answer> {
  let worker: Worker | undefined;
  let nextId = 0;
  const asked = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();

  const take = (id: number) => {
    const waiting = asked.get(id);
    asked.delete(id);
    return waiting;
  };
  const settleAll = (error: Error) => {
    for (const id of [...asked.keys()]) take(id)?.reject(error);
  };
  const start = () => {
    const started = new Worker(url, { workerData: setup, execArgv: [] });
    started.on('message', (reply: ThreadReply<Answer>) => {
      if (reply.kind === 'log') log[reply.level](reply.fields, reply.text);
      else if (reply.kind === 'answered') take(reply.id)?.resolve(reply.answer);
      else take(reply.id)?.reject(new AppError(reply.code, reply.reason));
    });
    started.on('error', (error) =>
      settleAll(internal(`the ${name} thread failed: ${messageOf(error)}`, { cause: error })),
    );
    started.on('exit', (code) => {
      if (worker === started) worker = undefined;
      settleAll(internal(`the ${name} thread ended with status ${code}`));
    });
    return started;
  };

  return {
    start: () => {
      worker ??= start();
    },
    ask: (request, handedOver = []) =>
      new Promise((resolve, reject) => {
        worker ??= start();
        const id = nextId++;
        asked.set(id, { resolve, reject });
        worker.postMessage({ id, request }, handedOver);
      }),
    close: async () => {
      settleAll(cancelled('the service stops'));
      await worker?.terminate();
    },
  };
}
