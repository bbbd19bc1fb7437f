import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the range that systems draw the ports of outgoing connections from (32768 and up, or 49152 and up): a port
// from there could be taken by any connection while a service that owns it restarts.
const portMin = 20_000;
const portMax = 32_000;
const triesMax = 200;

/** Whether nobody listens on this TCP port of the loopback now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A TCP port of the loopback that nobody listens on now and that is not in `taken`. Another process may still be faster: retry a failed bind. */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = randomInt(portMin, portMax);
    if (!taken.has(port) && (await isPortFree(port))) return port;
  }
  throw new Error(`no free port between ${portMin} and ${portMax} in ${triesMax} tries`);
}
