import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hashApiKey } from '@florilegium/auth';
import { createTestDatabase, migrateSchema, openDb } from '@florilegium/db';
import { seededRandom } from '@florilegium/random';
import { freePort, startPostgres } from '@florilegium/stack';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import { pageSetNames } from '../src/domain/label.ts';
import type { Schema } from '../src/schema.ts';
import { createStore } from '../src/store.ts';

/** CURATION_KILLS=40 makes it forty moments; four are enough for every day. */
const killsWanted = Number(process.env.CURATION_KILLS ?? 4);
const clients = 20;
const pagesPerClient = 5000;

const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

/** PostgreSQL as `npm start` runs it, on a port that stays, to be killed and started again. */
async function aPostgres() {
  const folder = await mkdtemp(join(tmpdir(), 'curation-killed-'));
  await chmod(folder, 0o711);
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const start = () =>
    startPostgres({
      folder: join(folder, 'postgres'),
      password: 'test',
      logFile: join(folder, 'postgres.log'),
      log: () => {},
      port,
    });
  let running = await start();
  closing.push(() => running.stop());
  return {
    adminUrl: running.adminUrl,
    kill: async () => {
      const pid = Number((await readFile(join(folder, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n')[0]);
      process.kill(pid, 'SIGKILL');
      await running.exited;
      // Sessions of the dead server may hold its memory a moment longer.
      for (let attempt = 1; ; attempt++) {
        try {
          running = await start();
          return;
        } catch (error) {
          if (attempt === 20) throw error;
          await sleep(250);
        }
      }
    },
  };
}

/** The service as a process of its own, started again on the same ports after a kill. */
async function aCuration(databaseUrl: string) {
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const keys = Array.from({ length: clients }, (_, n) => `person${n}:curator:${hashApiKey(`key${n}`)}`);
  const url = `http://127.0.0.1:${httpPort}`;
  let child: ChildProcess;
  const start = async () => {
    child = spawn(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url))], {
      env: {
        PATH: process.env.PATH ?? '',
        DATABASE_URL: databaseUrl,
        NATS_URL: inject('natsUrl'),
        NATS_NAMESPACE: `curation-killed-${process.pid}`,
        HTTP_PORT: String(httpPort),
        GRPC_PORT: String(grpcPort),
        API_KEYS: keys.join(','),
        OBJECT_STORE: `file://${tmpdir()}`,
        // Nothing listens there: all four sets are copied, so nothing is asked of a neighbour.
        CATALOG_GRPC: '127.0.0.1:9',
        FETCHER_GRPC: '127.0.0.1:9',
        INFERENCE_GRPC: '127.0.0.1:9',
        LOG_LEVEL: 'silent',
      },
      stdio: 'ignore',
    });
    const process_ = child;
    for (let attempt = 0; ; attempt++) {
      if (process_.exitCode !== null) throw new Error(`curation ended with status ${process_.exitCode}`);
      const answer = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
      if (answer?.ok) return;
      if (attempt === 300) throw new Error('curation does not answer');
      await sleep(100);
    }
  };
  await start();
  closing.push(() => child.kill('SIGKILL'));
  return {
    url,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    start,
    kill: async () => {
      child.kill('SIGKILL');
      if (child.signalCode === null) await once(child, 'exit');
      await start();
    },
  };
}

it(`every acknowledged label is there, once, after ${killsWanted} kills of curation or PostgreSQL while ${clients} clients label`, {
  timeout: 120_000 + killsWanted * 30_000,
}, async () => {
  const postgres = await aPostgres();
  const database = await createTestDatabase(postgres.adminUrl);
  const db = openDb<Schema>({ url: database.url, schema: 'curation' });
  closing.push(() => db.close());
  await migrateSchema(db, migrations);
  const store = createStore(db);
  for (const name of pageSetNames)
    await store.pages.addPageSet({ name, id: uuidv7(), rule: 'illustrated', seed: 1, pageCount: 0 });
  for (let first = 1; first <= clients * pagesPerClient; first += 20_000)
    await store.pages.addPages(
      'unlabelled',
      Array.from({ length: 20_000 }, (_, at) => ({ pageId: first + at, itemId: 1 })),
    );
  const curation = await aCuration(database.url);

  let isOver = false;
  let answered = 0;
  let unanswered = 0;
  const label = async (client: number): Promise<{ pageId: number; label: string }[]> => {
    const acknowledged: { pageId: number; label: string }[] = [];
    const names = ['HQ', 'LQ', 'NOT_SURE'];
    for (let at = 0; at < pagesPerClient && !isOver; at++) {
      const given = { pageId: client * pagesPerClient + at + 1, label: names[(client + at) % 3]! };
      // As the labelling page does: the same key until there is an answer.
      for (;;) {
        const answer = await fetch(`${curation.url}/v1/labels`, {
          method: 'POST',
          headers: {
            authorization: `Bearer key${client}`,
            'content-type': 'application/json',
            'idempotency-key': `label-${at}`,
          },
          body: JSON.stringify({ labels: [given] }),
          signal: AbortSignal.timeout(10_000),
        }).then(
          async (response) => ({ status: response.status, body: (await response.json()) as unknown }),
          () => undefined,
        );
        if (answer?.status === 200) {
          expect(answer.body).toEqual({ recordedCount: 1, refused: [] });
          break;
        }
        if (answer && answer.status < 500) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
        unanswered++;
        await sleep(50);
      }
      acknowledged.push(given);
      answered++;
    }
    return acknowledged;
  };
  const working = Promise.all(Array.from({ length: clients }, (_, client) => label(client)));
  working.catch(() => {});

  const random = seededRandom('kills of curation');
  const moments: string[] = [];
  for (let kill = 0; kill < killsWanted; kill++) {
    // In labels, not in seconds, for a busy machine labels slowly; then somewhere inside the next one.
    const wanted = answered + 20 + random.below(200);
    while (answered < wanted) await Promise.race([working, sleep(5)]);
    await sleep(random.below(30));
    const victim = kill % 2 === 0 ? 'curation' : 'PostgreSQL';
    moments.push(`${victim} after ${answered} labels`);
    await (victim === 'curation' ? curation.kill() : postgres.kill());
    expect(curation.isRunning(), moments.join(', ')).toBe(true);
  }
  await sleep(500);
  isOver = true;
  const acknowledged = await working;

  let labels = 0;
  for (const [client, given] of acknowledged.entries()) {
    const { rows } = await db.pool.query<{ pageId: number; label: string }>(
      `select page_id as "pageId", label from label_event where kind = 'label' and by = $1 order by id`,
      [`person${client}`],
    );
    expect(rows, moments.join(', ')).toEqual(given);
    labels += given.length;
  }
  const { rows } = await db.pool.query('select count(*)::int as events from label_event');
  expect(rows).toEqual([{ events: labels }]);
  // Every kill hit somebody in the middle of a request.
  expect(unanswered).toBeGreaterThanOrEqual(killsWanted);
  console.log(`${labels} labels by ${clients} clients, ${killsWanted} kills, ${unanswered} requests without an answer`);
});
