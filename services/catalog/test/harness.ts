import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { hashApiKey } from '@florilegium/auth';
import type { EventName, EventPayload } from '@florilegium/contracts';
import { CatalogServiceDefinition } from '@florilegium/contracts/catalog';
import { createTestDatabase, openDb } from '@florilegium/db';
import { silentLog } from '@florilegium/log';
import { connectMessaging, consumeEvents } from '@florilegium/messaging';
import { createRpcClient } from '@florilegium/rpc';
import { inject } from 'vitest';
import { type CatalogConfig, readConfig } from '../src/config.ts';
import type { CatalogSchema } from '../src/schema.ts';
import { startCatalog } from '../src/start-catalog.ts';

export type HeardEvent = { [Name in EventName]: { name: Name; payload: EventPayload<Name> } }[EventName];

/** The real service on a database and a namespace of NATS of its own; exports lie in a folder that is its import root. */
export async function startHarness(name: string, over: Record<string, string> = {}) {
  const namespace = `catalog-${name}-${process.pid}`;
  const closing: (() => unknown)[] = [];
  const database = await createTestDatabase(inject('databaseUrl'));
  closing.push(() => database.drop());
  const root = await mkdtemp(join(tmpdir(), 'catalog-test-'));
  closing.push(() => rm(root, { recursive: true, force: true }));

  const variables: Record<string, string> = {
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    DATABASE_URL: database.url,
    NATS_URL: inject('natsUrl'),
    NATS_NAMESPACE: namespace,
    LOG_LEVEL: 'silent',
    AUTH: 'on',
    API_KEYS: `vera:viewer:${hashApiKey('v')},olga:operator:${hashApiKey('o')}`,
    IMPORT_ROOTS: root,
    RESERVOIR_PAGES: '30',
    ...over,
  };
  const config = readConfig(variables);

  async function start(change: Partial<CatalogConfig> = {}) {
    const stops: (() => unknown)[] = [];
    const ending = new AbortController();
    const started = await startCatalog({ ...config, ...change }, silentLog, {
      onStop: (_, stop) => stops.push(stop),
      signal: ending.signal,
    });
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= (async () => {
        ending.abort();
        for (const part of stops.reverse()) await part();
      })();
      return stopping;
    };
    closing.push(stop);
    return { ...started, stop };
  }

  /** A process of its own, to be killed. */
  function spawnService(change: Record<string, string>) {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url))], {
      env: { PATH: process.env.PATH ?? '', ...variables, ...change },
      stdio: 'ignore',
    });
    closing.push(() => child.kill('SIGKILL'));
    return child;
  }

  const api = await start({ role: 'api' });
  const events: HeardEvent[] = [];
  const messaging = await connectMessaging({ url: inject('natsUrl'), name: 'listener', namespace, log: silentLog });
  const heard: EventName[] = [
    'catalog.import.completed',
    'catalog.import.failed',
    'catalog.import.cancelled',
    'catalog.page_set.created',
  ];
  const hear = (event: EventName) => async (payload: unknown) =>
    void events.push({ name: event, payload } as HeardEvent);
  const consumption = await consumeEvents({
    messaging,
    service: 'listener',
    handlers: Object.fromEntries(heard.map((event) => [event, hear(event)])),
    log: silentLog,
  });
  closing.push(async () => {
    await consumption.stop();
    await messaging.close();
  });
  const rpcOf = (apiKey?: string) => {
    const rpc = createRpcClient(CatalogServiceDefinition, { address: `127.0.0.1:${api.grpcPort}`, apiKey });
    closing.push(() => rpc.close());
    return rpc.client;
  };
  const db = openDb<CatalogSchema>({ url: database.url, schema: 'catalog' });
  closing.push(() => db.close());

  const base = `http://127.0.0.1:${api.httpPort}`;
  const get = async <Reply = Json>(path: string, key = 'v') => {
    const response = await fetch(`${base}${path}`, { headers: { authorization: `Bearer ${key}` } });
    return { status: response.status, body: (await response.json()) as Reply };
  };
  const post = async <Reply = Json>(path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer o', 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Reply };
  };

  async function endOf(id: string): Promise<ImportView> {
    for (;;) {
      const { body } = await get<ImportView>(`/v1/imports/${id}`);
      if (['done', 'failed', 'cancelled'].includes(body.state)) return body;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  return {
    root,
    base,
    db,
    events,
    start,
    spawnService,
    rpcOf,
    get,
    post,
    endOf,
    /** Writes an export into a folder below the root and gives the folder. */
    async exportIn(folder: string, files: Record<string, string | Buffer>): Promise<string> {
      const path = join(root, folder);
      await mkdir(join(path, 'data'), { recursive: true });
      for (const [file, content] of Object.entries(files)) {
        const bytes = Buffer.from(content as string);
        await writeFile(
          join(path, file),
          file.endsWith('.gz') && typeof content === 'string' ? gzipSync(bytes) : bytes,
        );
      }
      return path;
    },
    async importFrom(source: string, more: { withNames?: boolean } = {}): Promise<ImportView> {
      const { status, body } = await post<ImportView>('/v1/imports', { source, ...more });
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
      return await endOf(body.id);
    },
    /** Everything the catalog holds of the export, to be compared; with xmin also whether it was touched. */
    async contents(columns = ''): Promise<Record<string, unknown[]>> {
      const tables = {
        page: 'page_id',
        item: 'item_id',
        title: 'title_id',
        part: 'part_id',
        page_part: 'page_id, part_id',
        page_name: 'page_id',
      };
      const all: Record<string, unknown[]> = {};
      for (const [table, key] of Object.entries(tables)) {
        all[table] = (await db.pool.query(`select *${columns} from ${table} order by ${key}`)).rows;
      }
      // Rules by their names: a number that a killed import was given is not given again.
      const rule = '(select name from candidate_rule where id = rule_id) as rule';
      all.candidate = (
        await db.pool.query(`select ${rule}, page_id${columns} from candidate order by rule, page_id`)
      ).rows;
      return all;
    },
    async close() {
      for (const close of closing.reverse()) await close();
    },
  };
}

export type Harness = Awaited<ReturnType<typeof startHarness>>;
// biome-ignore lint/suspicious/noExplicitAny: replies are checked field by field
export type Json = any;

export interface ImportView {
  id: string;
  state: string;
  reason: string | null;
  doneCount: number;
  totalCount: number;
  phase: string;
  bytesPerSecond: number;
  rowsPerSecond: number;
  secondsLeft: number | null;
  rowCount: number;
  pageCount: number;
  keptPageCount: number;
  badLineCount: number;
  newPageCount: number;
  changedPageCount: number;
  vanishedPageCount: number;
  candidateCounts: Record<string, number>;
  typeCounts: Record<string, number>;
  outsideTypeCounts: Record<string, number>;
}

export async function until(check: () => Promise<boolean> | boolean, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
