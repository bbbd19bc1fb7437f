import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { HashReply, HashRequest } from './body-hasher.ts';

parentPort!.on('message', ({ id, memory, length }: HashRequest) => {
  const sha256 = hash('sha256', new Uint8Array(memory, 0, length));
  parentPort!.postMessage({ id, memory, sha256 } satisfies HashReply, [memory]);
});
