import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createAuthenticator } from '@florilegium/auth';
import { createHostGate, fetchImage, hostLimitsOf, openImageClient } from '@florilegium/bhl';
import { FetcherServiceDefinition } from '@florilegium/contracts/fetcher';
import { migrateSchema, openDb, startOutboxRelay } from '@florilegium/db';
import { messageOf } from '@florilegium/errors';
import { createHttpApp } from '@florilegium/http';
import type { Log } from '@florilegium/log';
import { connectMessaging } from '@florilegium/messaging';
import { openObjectStore } from '@florilegium/object-store';
import { startRpcServer } from '@florilegium/rpc';
import { type Lifetime, watchServers } from '@florilegium/service';
import { startSweeper, startWorker } from '@florilegium/work';
import { migrations } from '../migrations/index.ts';
import { connectCatalog } from './clients/catalog.client.ts';
import { imageFiles } from './clients/image-files.client.ts';
import { findDecodeFault, imageRenderer } from './clients/image-renderer.client.ts';
import type { Config } from './config.ts';
import { fetcherGrpc } from './grpc/fetcher.grpc.ts';
import { countPage, countRequest, watchGate, watchQueue } from './metrics.ts';
import { hostSlotsRepo } from './repos/host-slots.repo.ts';
import { addFetchRunRoutes } from './rest/fetch-runs.rest.ts';
import { addIiifRoutes } from './rest/iiif.rest.ts';
import { addImageRoutes } from './rest/images.rest.ts';
import type { Schema } from './schema.ts';
import { createStore, type RootStore, type WorkKind, workKinds } from './store.ts';
import { failFetchRun } from './usecases/end-fetch-run.ts';
import { type FetchBatchDeps, fetchBatch } from './usecases/fetch-batch.ts';
import { forgetOldRuns } from './usecases/forget-old-runs.ts';
import { listRunPages } from './usecases/list-run-pages.ts';

export interface Started {
  httpPort: number;
  /** Undefined for a worker, which serves no calls. */
  grpcPort: number | undefined;
}

const runWaitMsMax = 3_600_000;
// Of one page each, and waiting for the host's gate most of the time.
const demandsInFlightMax = 4;
const forgetEveryMs = 3_600_000;

/** Builds the service from its configuration and starts the parts that its role has. */
export async function startFetcher(config: Config, log: Log, lifetime: Lifetime): Promise<Started> {
  const db = openDb<Schema>({
    url: config.databaseUrl,
    schema: 'fetcher',
    applicationName: 'fetcher',
    poolMax: config.databasePoolMax,
    log,
  });
  lifetime.onStop('database', () => db.close());
  await migrateSchema(db, migrations, { mode: config.migrations, log });
  const messaging = await connectMessaging({
    url: config.natsUrl,
    name: 'fetcher',
    namespace: config.natsNamespace,
    replicas: config.natsReplicas,
    log,
  });
  lifetime.onStop('messaging', () => messaging.close());
  lifetime.onStop('metrics of servers', watchServers({ service: 'fetcher', db, messaging }));
  const catalog = connectCatalog(config.catalogAddress, config.serviceApiKey);
  lifetime.onStop('catalog client', () => catalog.close());
  const parts: Parts = {
    config,
    log,
    lifetime,
    db,
    messaging,
    catalog,
    store: createStore(db),
    files: imageFiles(await openObjectStore(config.objectStoreUrl)),
  };
  if (config.role !== 'api') {
    await startWorkers(parts);
    const forgetting = startForgetting(parts);
    lifetime.onStop('forgetting', () => forgetting.stop());
  }
  const grpcPort = config.role === 'worker' ? undefined : await serveGrpc(parts);
  return { httpPort: await serveHttp(parts), grpcPort };
}

interface Parts {
  config: Config;
  log: Log;
  lifetime: Lifetime;
  db: ReturnType<typeof openDb<Schema>>;
  messaging: Awaited<ReturnType<typeof connectMessaging>>;
  catalog: ReturnType<typeof connectCatalog>;
  store: RootStore;
  files: ReturnType<typeof imageFiles>;
}

async function startWorkers({ config, log, lifetime, db, messaging, catalog, store, files }: Parts): Promise<void> {
  const limits = hostLimitsOf(config.sources);
  const visitor = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const gate = createHostGate(hostSlotsRepo(db.kysely, visitor, (host) => limits.get(host)!));
  // Runs with a limit of their own pass a second gate, by run.
  const runGate = createHostGate(
    hostSlotsRepo(db.kysely, visitor, (run) => ({
      requestsPerSecond: Number.POSITIVE_INFINITY,
      inFlightMax: Number(run.split('/')[1]),
    })),
  );
  watchGate(gate);
  watchQueue(() => store.countQueue());
  const client = openImageClient({
    sources: config.sources,
    contact: config.contact,
    gate,
    placeholderSha256s: config.placeholderSha256s,
    onRequest: countRequest,
  });
  lifetime.onStop('image client', () => client.close());
  const imageLimits = { imageBytesMax: config.imageBytesMax, imagePixelsMax: config.imagePixelsMax };
  const common = (kind: WorkKind) => ({
    service: 'fetcher',
    kind,
    db,
    messaging,
    log,
    staleMs: config.batchStaleMs,
    heartbeatMs: config.batchStaleMs / 4,
    onFailed: (...[tx, batch, reason]: Parameters<Parameters<typeof startWorker<Schema>>[0]['onFailed']>) =>
      failFetchRun(store.on(tx), batch.runId, reason),
  });
  const listing = await startWorker<Schema>({
    ...common('list'),
    concurrency: 1,
    handle: (batch) => listRunPages({ store, catalog, pagesPerBatch: config.pagesPerBatch }, batch),
  });
  lifetime.onStop('listing worker', () => listing.stop());
  const deps: FetchBatchDeps = {
    store,
    log,
    files,
    fetchImage: (page, size, signal) => fetchImage(client, page, { size, limits: imageLimits, signal }),
    enterRun: (run, signal) => runGate.enter(`run ${run.id}/${run.concurrency}`, { waitMsMax: runWaitMsMax, signal }),
    findDecodeFault: config.decodeImages ? (bytes) => findDecodeFault(bytes, config.imagePixelsMax) : undefined,
    pagesInFlightMax: config.pagesInFlightMax,
    retryLimits: config.retryLimits,
    countPage,
  };
  for (const [kind, concurrency] of [
    ['fetch', config.batchesInFlightMax],
    ['demand', demandsInFlightMax],
  ] as const) {
    const fetching = await startWorker<Schema>({
      ...common(kind),
      concurrency,
      handle: (batch) => fetchBatch(deps, batch),
    });
    lifetime.onStop(`${kind} worker`, () => fetching.stop());
  }
}

/** Clears what nobody asks for any more, at the start and once an hour; replicas pass by each other's rows. */
function startForgetting({ store, log }: Parts): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let forgetting: Promise<unknown> = Promise.resolve();
  const now = () => {
    forgetting = forgetting
      .then(() => forgetOldRuns({ store }, stopping.signal))
      .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'old runs were not cleared'));
  };
  const timer = setInterval(now, forgetEveryMs).unref();
  now();
  return {
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await forgetting;
    },
  };
}

async function serveGrpc({ config, log, lifetime, catalog, store, files, db, messaging }: Parts): Promise<number> {
  const relay = startOutboxRelay({ db, publish: messaging.publish, log });
  lifetime.onStop('outbox relay', () => relay.stop());
  const sweeper = startSweeper({
    service: 'fetcher',
    kinds: workKinds,
    db,
    messaging,
    log,
    staleMs: config.batchStaleMs,
  });
  lifetime.onStop('sweeper', () => sweeper.stop());
  const server = await startRpcServer({
    definition: FetcherServiceDefinition,
    implementation: fetcherGrpc({ store, catalog, files, log, pagesPerBatch: config.pagesPerBatch }),
    authenticator: createAuthenticator({ required: config.authRequired, keys: config.apiKeys }),
    log,
    host: config.grpcHost,
    port: config.grpcPort,
    // A whole scan in one message, with room for its description.
    messageBytesMax: config.imageBytesMax + 65_536,
  });
  lifetime.onStop('grpc', () => server.stop());
  return server.port;
}

async function serveHttp({ config, log, lifetime, db, messaging, catalog, store, files }: Parts): Promise<number> {
  const app = await createHttpApp({
    service: 'fetcher',
    title: 'Florilegium fetcher',
    description: "Fetches images of BHL's pages, politely and checked, and serves them.",
    authenticator: createAuthenticator({ required: config.authRequired, keys: config.apiKeys }),
    log,
    readiness: { database: () => db.pool.query('select 1') },
    shown: { nats: messaging.check },
  });
  if (config.role !== 'worker') {
    addFetchRunRoutes(app, { store, catalog, pagesPerBatch: config.pagesPerBatch });
    const demanding = { store, files, log, catalog, demandWaitMs: config.demandWaitMs, demands: new Map() };
    addImageRoutes(app, demanding);
    const { iiifPixelsMax, imagePixelsMax, rendersInFlightMax, publicUrl } = config;
    const renderImage = imageRenderer({ rendersInFlightMax, rendersWaitingMax: 64, imagePixelsMax });
    addIiifRoutes(app, { ...demanding, renderImage, iiifPixelsMax, publicUrl });
  }
  const address = await app.listen({ host: config.httpHost, port: config.httpPort });
  lifetime.onStop('http', () => app.close());
  return Number(new URL(address).port);
}
