import { hash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { internal, messageOf } from '@florilegium/errors';
import type { HeldBody } from './body-memory.ts';

// Hashed here in less than a tenth of a millisecond.
const hashedHereBytesMax = 128 << 10;

export interface BodyHasher {
  /**
   * SHA-256 in lower-case hex. A large body is away with a thread meanwhile, and its `bytes` are another view afterwards; a small one costs less
   * than the way there. Rejects with `internal` when the thread dies, and the body with it.
   */
  sha256Of(body: HeldBody): Promise<string> | string;
  close(): Promise<void>;
}

/** What the thread is asked, and what it answers with; the memory goes along. */
export interface HashRequest {
  id: number;
  memory: ArrayBuffer;
  length: number;
}
export interface HashReply {
  id: number;
  memory: ArrayBuffer;
  sha256: string;
}

/** The thread starts with the first large body and keeps no process from ending but while it hashes. */
export function createBodyHasher(): BodyHasher {
  const waiting = new Map<number, { resolve(reply: HashReply): void; reject(error: Error): void }>();
  let nextId = 0;
  let thread: Worker | undefined;

  function take(id: number) {
    const found = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) thread?.unref();
    return found;
  }

  function start(): Worker {
    const started = new Worker(new URL('./body-hasher-thread.ts', import.meta.url), { execArgv: [] });
    const onEnd = (reason: string) => {
      if (thread === started) thread = undefined;
      for (const id of [...waiting.keys()]) take(id)?.reject(internal(`the thread that hashes images ${reason}`));
    };
    started.on('message', (reply: HashReply) => take(reply.id)?.resolve(reply));
    started.on('error', (error) => onEnd(`failed: ${messageOf(error)}`));
    started.on('exit', (code) => onEnd(`ended with ${code}`));
    return started;
  }

  async function hashElsewhere(body: HeldBody): Promise<string> {
    const { memory } = body;
    const reply = await new Promise<HashReply>((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      thread ??= start();
      thread.ref();
      thread.postMessage({ id, memory, length: body.bytes.length } satisfies HashRequest, [memory]);
    });
    body.memory = reply.memory;
    return reply.sha256;
  }

  return {
    sha256Of: (body) => (body.bytes.length <= hashedHereBytesMax ? hash('sha256', body.bytes) : hashElsewhere(body)),
    close: async () => {
      await thread?.terminate();
    },
  };
}
