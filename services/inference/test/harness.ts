import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type EventName, type EventPayload, subjectOf } from '@florilegium/contracts';
import { InferenceServiceDefinition } from '@florilegium/contracts/inference';
import { createTestDatabase, type Db, openDb } from '@florilegium/db';
import { type EnsembleOrigin, packEnsemble, readProbeParameters } from '@florilegium/ensemble';
import { silentLog } from '@florilegium/log';
import { connectMessaging, consumeEvents, eventMessage } from '@florilegium/messaging';
import { openObjectStore } from '@florilegium/object-store';
import { createRpcClient } from '@florilegium/rpc';
import { v7 as uuidv7 } from 'uuid';
import { inject } from 'vitest';
import { type Config, readConfig } from '../src/config.ts';
import { recipeOf } from '../src/embedding/embedding-recipe.ts';
import type { Schema } from '../src/schema.ts';
import { type Started, startInference } from '../src/start-inference.ts';
import { aPageImage, type FakeFetcher, startCatalog, startFetcher } from './neighbours.ts';

export type HeardEvent = { [Name in EventName]: { name: Name; payload: EventPayload<Name> } }[EventName];
export const classic = recipeOf(undefined);

/** The real service with the `classic` backbone on a database, a namespace of NATS and a folder of its own, with neighbours beside it. */
export async function startHarness(name: string) {
  const namespace = `inference-${name}-${process.pid}`;
  const closing: (() => unknown)[] = [];
  const database = await createTestDatabase(inject('databaseUrl'));
  closing.push(() => database.drop());
  const folder = await mkdtemp(join(tmpdir(), 'inference-test-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const pageSets = new Map<string, number[]>();
  const fetcher: FakeFetcher = { images: new Map(), reports: [], pace: async () => {} };
  const catalogServer = await startCatalog(pageSets);
  closing.push(() => catalogServer.stop());
  const fetcherServer = await startFetcher(fetcher);
  closing.push(() => fetcherServer.stop());

  const variables: Record<string, string> = {
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    DATABASE_URL: database.url,
    NATS_URL: inject('natsUrl'),
    NATS_NAMESPACE: namespace,
    OBJECT_STORE: pathToFileURL(folder).href,
    AUTH: 'off',
    LOG_LEVEL: 'silent',
    CATALOG_GRPC: `127.0.0.1:${catalogServer.port}`,
    FETCHER_GRPC: `127.0.0.1:${fetcherServer.port}`,
    BACKBONE: 'classic',
    EMBEDDING_THREADS: '1',
    PREDICTION_PAGES_PER_BATCH: '10',
    BATCH_STALE_MS: '1500',
  };
  const config: Config = readConfig(variables);

  /** Starts the service in this process, as one replica of a role. */
  async function start(over: Partial<Config> = {}): Promise<Started & { stop(): Promise<void> }> {
    const stops: (() => unknown)[] = [];
    const ending = new AbortController();
    const started = await startInference({ ...config, ...over }, silentLog, {
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
  const hear = (event: EventName) => async (payload: unknown) =>
    void events.push({ name: event, payload } as HeardEvent);
  const consumption = await consumeEvents({
    messaging,
    service: 'listener',
    handlers: {
      'inference.run.completed': hear('inference.run.completed'),
      'inference.run.failed': hear('inference.run.failed'),
      'inference.run.cancelled': hear('inference.run.cancelled'),
    },
    log: silentLog,
  });
  closing.push(async () => {
    await consumption.stop();
    await messaging.close();
  });
  const rpc = createRpcClient(InferenceServiceDefinition, { address: `127.0.0.1:${api.grpcPort}` });
  closing.push(() => rpc.close());
  const db: Db<Schema> = openDb<Schema>({ url: database.url, schema: 'inference' });
  closing.push(() => db.close());
  const objects = await openObjectStore(pathToFileURL(folder).href);

  const base = `http://127.0.0.1:${api.httpPort}`;
  const get = (path: string) => fetch(`${base}${path}`);
  const post = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const publish = async <Name extends EventName>(event: Name, payload: EventPayload<Name>) =>
    await messaging.publish(subjectOf(event), eventMessage(event, payload).payload, uuidv7());
  const counts = async () =>
    (await (await get('/v1/predictions/embeddings')).json()) as { embedded: number; pending: number; failed: number };
  const runOf = async (id: string) => (await (await get(`/v1/prediction-runs/${id}`)).json()) as RunView;

  return {
    pageSets,
    fetcher,
    events,
    db,
    rpc: rpc.client,
    objects,
    start,
    spawnService,
    get,
    post,
    publish,
    counts,
    runOf,
    /** Gives the fetcher images of the pages and announces them. */
    async store(pageIds: number[], version = 0): Promise<void> {
      for (const pageId of pageIds) fetcher.images.set(pageId, await aPageImage(pageId, version));
      await this.announce(pageIds);
    },
    announce: (pageIds: number[]) =>
      publish('fetcher.image_batch.stored', {
        fetchRunId: uuidv7(),
        batchNumber: 0,
        size: 'IMAGE_SIZE_MEDIUM',
        pageIds,
      }),
    /** Everything that is stored is embedded, corrupt or gone. */
    embedded: (total: number) =>
      until(async () => {
        const { embedded, failed, pending } = await counts();
        return pending === 0 && embedded + failed >= total;
      }),
    async embeddingsOf(pageIds: number[]) {
      const found = { values: new Map<number, Buffer>(), pending: [] as number[], unavailable: [] as number[] };
      for await (const part of rpc.client.streamEmbeddings({ pageIds })) {
        const bytes = part.dimensions * 2;
        for (const [index, pageId] of part.pageIds.entries())
          found.values.set(pageId, Buffer.from(part.values.subarray(index * bytes, (index + 1) * bytes)));
        found.pending.push(...part.pendingPageIds);
        found.unavailable.push(...part.unavailablePageIds);
      }
      return found;
    },
    /** Stores an ensemble of two members that look at one dimension each, and gives its event. */
    async anEnsemble(backboneSha256 = classic.sha256): Promise<EventPayload<'trainer.ensemble.trained'>> {
      const ensembleId = uuidv7();
      const heads = [4, 30].map((dimension, member) => {
        const weights = new Float32Array(classic.dimensions);
        weights[dimension] = 3;
        return { weights, bias: -0.5 - member / 10, loss: 0, epochs: 1, converged: true, warmStarted: false };
      });
      const { manifest, weights } = packEnsemble(
        { ...origin, ensembleId, backbone: { name: 'classic', sha256: backboneSha256 } },
        2,
        heads,
      );
      for (const { key, bytes } of [manifest, ...weights]) await objects.put(key, bytes);
      return {
        ensembleId,
        trainingId: uuidv7(),
        labelSetId: uuidv7(),
        iterationId: '',
        manifestKey: manifest.key,
        manifestSha256: manifest.sha256,
        outOfFoldKey: 'models/x',
        outOfFoldSha256: '',
        temperature: 2,
        backboneName: 'classic',
        backboneSha256,
        memberCount: 2,
        scores: undefined,
        droppedPageCount: 0,
      };
    },
    async recordEnsemble(): Promise<string> {
      const event = await this.anEnsemble();
      await publish('trainer.ensemble.trained', event);
      await until(async () => {
        const response = await post('/v1/prediction-runs', { ensembleId: event.ensembleId, pageSetId: 'none' });
        return response.status === 404;
      });
      return event.ensembleId;
    },
    async endOf(id: string, timeoutMs = 20_000): Promise<RunView> {
      await until(async () => ['done', 'failed', 'cancelled'].includes((await runOf(id)).state), timeoutMs);
      return await runOf(id);
    },
    async close() {
      for (const close of closing.reverse()) await close();
    },
  };
}

const origin: Omit<EnsembleOrigin, 'ensembleId' | 'backbone'> = {
  trainingId: 't',
  labelSetId: 'l',
  labelSetSha256: 'aa',
  parentEnsembleId: null,
  method: 'probe',
  parameters: readProbeParameters({}),
  tensorflowBackend: 'wasm',
  codeVersion: '0.1.0',
  droppedPageCount: 0,
  l2Tried: [],
  outOfFold: {
    scores: { pages: 4, accuracy: 1, auc: 1, logLoss: 0.1, calibrationError: 0.1 },
    foldsBy: 'item',
    foldCount: 2,
    sha256: 'cc',
    key: 'k',
  },
};

export interface RunView {
  id: string;
  state: string;
  reason: string | null;
  doneCount: number;
  totalCount: number;
  predictedCount: number;
  noImageCount: number;
}

export type Harness = Awaited<ReturnType<typeof startHarness>>;

export async function until(check: () => Promise<boolean> | boolean, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export const range = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => from + index);
