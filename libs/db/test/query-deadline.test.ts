import { createServer, connect as openSocket, type Socket } from 'node:net';
import { createTestDatabase, openDb, type TestDatabase } from '@florilegium/db';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase(inject('databaseUrl'));
});
afterAll(() => database.drop());

/** A way to PostgreSQL on which bytes can stop without a word, as when a host is gone. */
async function aSilentWay(url: string) {
  let isSilent = false;
  const sockets: Socket[] = [];
  const { hostname, port } = new URL(url);
  const server = createServer((near) => {
    const far = openSocket({ host: hostname, port: Number(port) });
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('data', (bytes) => isSilent || far.write(bytes)).on('close', () => far.destroy());
    far.on('data', (bytes) => isSilent || near.write(bytes)).on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.port = String((server.address() as { port: number }).port);
  through.hostname = '127.0.0.1';
  return {
    url: through.toString(),
    silence: (silent: boolean) => {
      isSilent = silent;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

it('a query that nobody answers ends at its deadline, in a transaction and outside, and the pool goes on', {
  timeout: 30_000,
}, async () => {
  const way = await aSilentWay(database.url);
  const db = openDb({ url: way.url, schema: 'public', poolMax: 2, statementTimeoutMs: 300, answerGraceMs: 1700 });
  try {
    const ask = () => sql<{ one: number }>`select 1 as one`.execute(db.kysely);
    expect((await ask()).rows).toEqual([{ one: 1 }]);
    way.silence(true);
    const startedAt = performance.now();
    await expect(ask()).rejects.toThrow('has not answered a query in 2000 ms');
    way.silence(false);
    await expect(
      db.inTransaction(async ({ kysely }) => {
        way.silence(true);
        await sql`select 2`.execute(kysely);
      }),
    ).rejects.toThrow('has not answered a query in 2000 ms');
    expect(performance.now() - startedAt).toBeLessThan(12_000);
    way.silence(false);
    expect((await ask()).rows).toEqual([{ one: 1 }]);
    expect((await db.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    // Too long for a statement, but PostgreSQL answers: its own limit speaks.
    await expect(sql`select pg_sleep(1)`.execute(db.kysely)).rejects.toThrow('statement timeout');
  } finally {
    await db.close();
    way.close();
  }
});
