import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface ImageServer {
  baseUrl: string;
  close(): void;
}

/** Serves in a process of its own, so that its work is not the client's: any `/web/…` path is a whole WebP of `bytes` bytes, the path's own. */
export async function startImageServer(options: { bytes: number; delayMs?: number }): Promise<ImageServer> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [
    String(options.bytes),
    String(options.delayMs ?? 0),
  ]);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number));
    child.once('exit', (code) => reject(new Error(`the image server ended with ${code}`)));
  });
  return { baseUrl: `http://127.0.0.1:${port}/`, close: () => child.kill() };
}

/** A container that the checks pass: a one-pixel picture, and a chunk of noise that no decoder looks at. */
function imageParts(bytes: number): { head: (own: string) => Buffer; noise: Buffer } {
  const ownBytes = 64;
  const fixed = 12 + 8 + 8 + 8 + ownBytes + 8;
  const noise = Buffer.alloc(bytes - fixed - (bytes % 2));
  for (let i = 0; i < noise.length; i++) noise[i] = (i * 2_654_435_761) >>> 13;
  const head = Buffer.alloc(fixed);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(fixed + noise.length - 8, 4);
  head.write('WEBPVP8L', 8, 'latin1');
  head.writeUInt32LE(7, 16);
  Buffer.from('2f0000000088880800', 'hex').copy(head, 20, 0, 8);
  head.write('OWN ', 28, 'latin1');
  head.writeUInt32LE(ownBytes, 32);
  head.write('PAD ', 36 + ownBytes, 'latin1');
  head.writeUInt32LE(noise.length, 40 + ownBytes);
  return {
    noise,
    head: (own) => {
      const mine = Buffer.from(head);
      mine.write(own.slice(-ownBytes), 36, 'latin1');
      return mine;
    },
  };
}

if (process.send) {
  const [bytes, delayMs] = process.argv.slice(2).map(Number) as [number, number];
  const { head, noise } = imageParts(bytes);
  const server = createServer(async (request, response) => {
    if (delayMs > 0) await sleep(delayMs);
    const start = head(request.url!);
    response.writeHead(200, { 'content-type': 'image/webp', 'content-length': start.length + noise.length });
    response.write(start);
    response.end(noise);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit());
}
