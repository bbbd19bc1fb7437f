import { once } from 'node:events';
import { createServer } from 'node:net';
import { openDb } from '@florilegium/db';
import type { Messaging } from '@florilegium/messaging';
import { register } from 'prom-client';
import { expect, it } from 'vitest';
import { watchServers } from './watch-servers.ts';

it('asks a server that hangs once, however often the metrics are read', async () => {
  let connections = 0;
  const silent = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  const db = openDb({ url: `postgres://ada:secret@127.0.0.1:${port}/books`, schema: 'x', connectTimeoutMs: 15_000 });
  const end = watchServers({ service: 'x', db, messaging: {} as Messaging });
  for (let scrape = 0; scrape < 2; scrape++)
    expect(await register.metrics()).toContain('florilegium_server_up{server="postgres"} 0');
  expect(connections).toBe(1);
  end();
  silent.close();
}, 20_000);
