import { createAuthenticator } from '@florilegium/auth';
import { CurationServiceDefinition } from '@florilegium/contracts/curation';
import { type Db, migrateSchema, openDb, startOutboxRelay } from '@florilegium/db';
import { createHttpApp } from '@florilegium/http';
import type { Log } from '@florilegium/log';
import { connectMessaging, consumeEvents, type Messaging } from '@florilegium/messaging';
import { openObjectStore } from '@florilegium/object-store';
import { startRpcServer } from '@florilegium/rpc';
import { type Lifetime, watchServers } from '@florilegium/service';
import { startSweeper } from '@florilegium/work';
import { migrations } from '../migrations/index.ts';
import { type CatalogClient, createCatalogClient } from './clients/catalog.client.ts';
import { createFetcherClient, type FetcherClient } from './clients/fetcher.client.ts';
import { createInferenceClient, type InferenceClient } from './clients/inference.client.ts';
import type { Config } from './config.ts';
import { eventHandlers } from './events/handle-events.ts';
import { curationGrpc } from './grpc/curation.grpc.ts';
import { watchLoop } from './metrics.ts';
import { addDocsRoutes, docsPath } from './rest/docs.rest.ts';
import { addGalleryRoutes } from './rest/gallery.rest.ts';
import { addHqListFileRoutes } from './rest/hq-list-files.rest.ts';
import { addHqListRoutes } from './rest/hq-lists.rest.ts';
import { addIterationRoutes } from './rest/iterations.rest.ts';
import { addLabelRoutes } from './rest/labels.rest.ts';
import { addReviewQueueRoutes } from './rest/review-queues.rest.ts';
import { addScoreHistogramRoutes } from './rest/score-histogram.rest.ts';
import { addUiRoutes, uiAssetsPath } from './rest/ui.rest.ts';
import { addJudgedRoute } from './rest/ui-judged.rest.ts';
import { addCurrentLabelsRoute } from './rest/ui-labels.rest.ts';
import type { Schema } from './schema.ts';
import { createStore, type Store, workKinds } from './store.ts';
import { startWorkers } from './work/start-workers.ts';

/** The services to the left; tests pass their own. */
export interface Neighbours {
  catalog: CatalogClient;
  fetcher: FetcherClient;
  inference: InferenceClient;
}

export interface Started {
  httpPort: number;
  /** Undefined for a worker, which serves no calls. */
  grpcPort: number | undefined;
}

interface Parts extends Neighbours {
  config: Config;
  log: Log;
  lifetime: Lifetime;
  db: Db<Schema>;
  store: Store;
  messaging: Messaging;
}

export function connectNeighbours({ catalogGrpc, fetcherGrpc, inferenceGrpc, serviceApiKey }: Config): Neighbours {
  const apiKey = serviceApiKey;
  return {
    catalog: createCatalogClient({ address: catalogGrpc, apiKey }),
    fetcher: createFetcherClient({ address: fetcherGrpc, apiKey }),
    inference: createInferenceClient({ address: inferenceGrpc, apiKey }),
  };
}

/** Builds the service from its configuration and starts the parts that its role has. */
export async function startCuration(
  config: Config,
  { log, lifetime, neighbours }: { log: Log; lifetime: Lifetime; neighbours: Neighbours },
): Promise<Started> {
  const db = openDb<Schema>({
    url: config.databaseUrl,
    schema: 'curation',
    poolMax: config.databasePoolMax,
    log,
  });
  lifetime.onStop('database', () => db.close());
  await migrateSchema(db, migrations, { mode: config.migrations, log });
  const messaging = await connectMessaging({
    url: config.natsUrl,
    name: 'curation',
    namespace: config.natsNamespace,
    replicas: config.natsReplicas,
    log,
  });
  lifetime.onStop('messaging', () => messaging.close());
  lifetime.onStop('metrics of servers', watchServers({ service: 'curation', db, messaging }));
  for (const [name, client] of Object.entries(neighbours)) lifetime.onStop(`${name} client`, () => client.close());
  const parts: Parts = { config, log, lifetime, db, store: createStore(db), messaging, ...neighbours };
  if (config.role !== 'api') {
    const objects = await openObjectStore(config.objectStore);
    const workers = await startWorkers({ ...parts, objects });
    lifetime.onStop('workers', () => workers.stop());
  }
  const grpcPort = config.role === 'worker' ? undefined : await serveApi(parts);
  return { httpPort: await serveHttp(parts), grpcPort };
}

/** What only the api role does: gRPC, the outbox, the events. */
async function serveApi({ config, log, lifetime, db, messaging, ...parts }: Parts): Promise<number> {
  watchLoop(async () => ({
    labels: (await parts.store.labels.summarise()).byLabel,
    iterations: await parts.store.iterations.list(),
    lists: await parts.store.hqLists.list(),
  }));
  const relay = startOutboxRelay({ db, log, publish: messaging.publish });
  lifetime.onStop('outbox relay', () => relay.stop());
  const sweeper = startSweeper({ service: 'curation', kinds: workKinds, db, messaging, log });
  lifetime.onStop('sweeper', () => sweeper.stop());
  const consumption = await consumeEvents({ messaging, service: 'curation', log, handlers: eventHandlers(parts) });
  lifetime.onStop('events', () => consumption.stop());
  const server = await startRpcServer({
    definition: CurationServiceDefinition,
    implementation: curationGrpc({ ...parts, log, triageDefaults: triageDefaultsOf(config) }),
    authenticator: createAuthenticator({ required: config.authRequired, keys: config.apiKeys }),
    log,
    host: config.grpcHost,
    port: config.grpcPort,
  });
  lifetime.onStop('gRPC', () => server.stop());
  return server.port;
}

/** A worker serves probes and metrics alone. */
async function serveHttp({ config, log, lifetime, db, messaging, ...parts }: Parts): Promise<number> {
  const app = await createHttpApp({
    service: 'curation',
    title: 'Florilegium curation',
    description: 'Labels, label sets, iterations, triage, review queues, HQ lists and their audits.',
    authenticator: createAuthenticator({ required: config.authRequired, keys: config.apiKeys }),
    log,
    publicPrefixes: [docsPath, uiAssetsPath],
    readiness: { database: () => db.pool.query('select 1') },
    shown: { nats: messaging.check },
  });
  if (config.role !== 'worker') {
    addLabelRoutes(app, parts);
    addReviewQueueRoutes(app, parts);
    addIterationRoutes(app, { ...parts, log, triageDefaults: triageDefaultsOf(config) });
    addHqListRoutes(app, { ...parts, log });
    addJudgedRoute(app, parts);
    addCurrentLabelsRoute(app, parts);
    addHqListFileRoutes(app, parts);
    addGalleryRoutes(app, parts);
    addScoreHistogramRoutes(app, parts);
    await addUiRoutes(app);
    await addDocsRoutes(app);
  }
  await app.listen({ host: config.httpHost, port: config.httpPort });
  lifetime.onStop('HTTP', () => app.close());
  return (app.server.address() as { port: number }).port;
}

const triageDefaultsOf = ({ entropyQuantile, reviewRandomShare }: Config) => ({
  entropyQuantile,
  randomShare: reviewRandomShare,
});
