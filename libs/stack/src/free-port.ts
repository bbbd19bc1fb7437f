import { once } from 'node:events';
import { createServer } from 'node:net';

/** A TCP port of the loopback that nobody listens on now. Another process may take it before its use: retry on a failed bind. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the operating system named no port');
  return address.port;
}
