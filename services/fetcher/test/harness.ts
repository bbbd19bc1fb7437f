import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createAuthenticator } from '@florilegium/auth';
import type { EventName, EventPayload } from '@florilegium/contracts';
import { CatalogServiceDefinition, type CatalogServiceImplementation, PageRef } from '@florilegium/contracts/catalog';
import { FetcherServiceDefinition } from '@florilegium/contracts/fetcher';
import { createTestDatabase, type Db, openDb } from '@florilegium/db';
import { notFound, unavailable } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { connectMessaging, consumeEvents } from '@florilegium/messaging';
import { openObjectStore } from '@florilegium/object-store';
import { createRpcClient, startRpcServer } from '@florilegium/rpc';
import { inject } from 'vitest';
import { imageFiles } from '../src/clients/image-files.client.ts';
import { type Config, readConfig } from '../src/config.ts';
import type { Schema } from '../src/schema.ts';
import { type Started, startFetcher } from '../src/start-fetcher.ts';
import { createStore } from '../src/store.ts';
import { checkImages } from '../src/usecases/check-images.ts';
import { barCodeOf, startSourceServer } from './source-server.ts';

export type HeardEvent = { [Name in EventName]: { name: Name; payload: EventPayload<Name> } }[EventName];

/** A catalog that knows the page sets it is given, served over real gRPC. */
async function startCatalog(pageSets: Map<string, number[]>, faults: { streamsToBreak: number }) {
  const partial: Partial<CatalogServiceImplementation> = {
    getPageSet: async ({ pageSetId }) => {
      const pages = pageSets.get(pageSetId);
      if (!pages) throw notFound('page set', pageSetId);
      return { pageSet: { id: pageSetId, pageCount: pages.length } };
    },
    async *streamPages({ selection, afterPageId }) {
      const ids =
        selection?.$case === 'pageIds'
          ? selection.value.pageIds.filter((id) => id < 9000)
          : pageSets.get(selection!.value);
      if (!ids) throw notFound('selection', String(selection?.value));
      const left = ids.filter((id) => id > afterPageId);
      for (let start = 0; start < left.length; start += 500) {
        if (start > 0 && faults.streamsToBreak > 0) {
          faults.streamsToBreak -= 1;
          throw unavailable('the catalog restarts');
        }
        const pages = left.slice(start, start + 500);
        yield {
          pages: pages.map((pageId) =>
            PageRef.fromPartial({ pageId, barCode: barCodeOf(pageId), sequence: pageId % 10 }),
          ),
        };
      }
    },
  };
  const implementation = Object.fromEntries(
    Object.keys(CatalogServiceDefinition.methods).map((name) => [
      name,
      partial[name as keyof CatalogServiceImplementation] ??
        (async () => {
          throw new Error(`${name} is not part of this test`);
        }),
    ]),
  );
  return await startRpcServer({
    definition: CatalogServiceDefinition,
    implementation,
    authenticator: createAuthenticator({ required: false, keys: [] }),
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });
}

/** The real service on a database, a namespace of NATS and a folder of its own, with a catalog and a source beside it. */
export async function startHarness(over: Record<string, string> = {}) {
  const namespace = `fetcher-test-${process.pid}`;
  const closing: (() => unknown)[] = [];
  const database = await createTestDatabase(inject('databaseUrl'));
  closing.push(() => database.drop());
  const folder = await mkdtemp(join(tmpdir(), 'fetcher-test-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const pageSets = new Map<string, number[]>();
  /** So many streams of pages end in an error after their first 500 pages. */
  const catalogFaults = { streamsToBreak: 0 };
  const catalog = await startCatalog(pageSets, catalogFaults);
  closing.push(() => catalog.stop());
  const source = await startSourceServer();
  closing.push(() => source.close());

  const variables: Record<string, string> = {
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    DATABASE_URL: database.url,
    NATS_URL: inject('natsUrl'),
    NATS_NAMESPACE: namespace,
    OBJECT_STORE: pathToFileURL(folder).href,
    AUTH: 'off',
    LOG_LEVEL: 'silent',
    CATALOG_GRPC: `127.0.0.1:${catalog.port}`,
    SOURCES: JSON.stringify([
      { name: 'bucket', addressing: 'bucket', baseUrl: source.baseUrl, requestsPerSecond: 500, inFlightMax: 32 },
    ]),
    CONTACT: 'plates@example.org',
    PAGES_PER_BATCH: '10',
    PAGES_IN_FLIGHT_MAX: '4',
    PAGE_FAULTS_MAX: '4',
    RETRY_DELAY_MS: '50',
    BATCH_STALE_MS: '1500',
    ...over,
  };
  const config: Config = readConfig(variables);

  /** Starts the service in this process, as one replica of a role. */
  async function start(over: Partial<Config> = {}): Promise<Started & { stop(): Promise<void> }> {
    const stops: (() => unknown)[] = [];
    const ending = new AbortController();
    const started = await startFetcher({ ...config, ...over }, silentLog, {
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

  /** Starts the service as a process of its own, to be killed. */
  function spawnService(over: Record<string, string>) {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url))], {
      env: { PATH: process.env.PATH ?? '', ...variables, ...over },
      stdio: 'ignore',
    });
    closing.push(() => child.kill('SIGKILL'));
    return child;
  }

  const api = await start({ role: 'api' });
  const events: HeardEvent[] = [];
  const messaging = await connectMessaging({ url: inject('natsUrl'), name: 'listener', namespace, log: silentLog });
  const hear = (name: EventName) => async (payload: unknown) => void events.push({ name, payload } as HeardEvent);
  const heard: EventName[] = [
    'fetcher.image_batch.stored',
    'fetcher.fetch_run.completed',
    'fetcher.fetch_run.failed',
    'fetcher.fetch_run.cancelled',
  ];
  const consumption = await consumeEvents({
    messaging,
    service: 'listener',
    handlers: Object.fromEntries(heard.map((name) => [name, hear(name)])),
    log: silentLog,
  });
  closing.push(async () => {
    await consumption.stop();
    await messaging.close();
  });
  const rpc = createRpcClient(FetcherServiceDefinition, { address: `127.0.0.1:${api.grpcPort}` });
  closing.push(() => rpc.close());
  const db: Db<Schema> = openDb<Schema>({ url: database.url, schema: 'fetcher' });
  closing.push(() => db.close());

  const objects = await openObjectStore(config.objectStoreUrl);

  const base = `http://127.0.0.1:${api.httpPort}`;
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${base}${path}`, { headers, method });
  const post = (path: string, body?: unknown, headers: Record<string, string> = {}, text?: string) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(text === undefined ? {} : { 'content-type': 'text/plain' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(text === undefined ? {} : { body: text }),
    });
  const runOf = async (id: string) => (await (await get(`/v1/fetch-runs/${id}`)).json()) as RunView;

  return {
    source,
    pageSets,
    catalogFaults,
    events,
    db,
    rpc: rpc.client,
    start,
    spawnService,
    get,
    post,
    runOf,
    async startRun(body: Record<string, unknown>): Promise<RunView> {
      const response = await post('/v1/fetch-runs', { size: 'medium', ...body });
      if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
      return (await response.json()) as RunView;
    },
    async endOf(id: string, timeoutMs = 20_000): Promise<RunView> {
      await until(async () => ['done', 'failed', 'cancelled'].includes((await runOf(id)).state), timeoutMs);
      return await runOf(id);
    },
    /** Pages of a run by state. */
    async pagesOf(id: string): Promise<Record<string, number[]>> {
      const states: Record<string, number[]> = {};
      let after: number | null = 0;
      while (after !== null) {
        const response = await get(`/v1/fetch-runs/${id}/pages?limit=200&after=${after}`);
        const { pages, next } = (await response.json()) as PageList;
        for (const { pageId, state } of pages) states[state] = [...(states[state] ?? []), pageId];
        after = next;
      }
      return states;
    },
    objects,
    async check(options: { mend: boolean; readBytes: boolean }, store = objects) {
      const files = imageFiles(store);
      return await checkImages({ images: createStore(db).images, files }, { ...options, onFound: () => {} });
    },
    /** The check as a person runs it: the exit status of the command. */
    async checkCommand(...args: string[]): Promise<number | null> {
      const child = spawn(
        process.execPath,
        [fileURLToPath(new URL('../src/check-main.ts', import.meta.url)), ...args],
        { env: { ...process.env, ...variables }, stdio: 'ignore' },
      );
      return await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
    },
    async storedFiles(): Promise<string[]> {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    },
    async close() {
      for (const close of closing.reverse()) await close();
    },
  };
}

export interface RunView {
  id: string;
  state: string;
  reason: string | null;
  doneCount: number;
  totalCount: number;
  storedCount: number;
  failedCount: number;
  missingCount: number;
  placeholderCount: number;
  corruptCount: number;
  blockedCount: number;
  retryAtCount: number;
  idCount: number | null;
  fetchedCount: number;
  bytes: number;
  concurrency: number;
  imagesPerSecond: number;
}

interface PageList {
  pages: { pageId: number; state: string; detail: string }[];
  next: number | null;
}

export type Harness = Awaited<ReturnType<typeof startHarness>>;

export async function until(check: () => Promise<boolean> | boolean, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** `count` page ids from `first` on. */
export const pageIdsFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
