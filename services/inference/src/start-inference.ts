import { createAuthenticator } from '@florilegium/auth';
import { InferenceServiceDefinition } from '@florilegium/contracts/inference';
import { migrateSchema, openDb, startOutboxRelay } from '@florilegium/db';
import { selectBackend } from '@florilegium/ensemble';
import { createHttpApp } from '@florilegium/http';
import type { Log } from '@florilegium/log';
import { connectMessaging, consumeEvents } from '@florilegium/messaging';
import { openObjectStore } from '@florilegium/object-store';
import { startRpcServer } from '@florilegium/rpc';
import { type Lifetime, watchServers } from '@florilegium/service';
import { startSweeper, startWorker } from '@florilegium/work';
import { migrations } from '../migrations/index.ts';
import { connectCatalog } from './clients/catalog.client.ts';
import { embeddingShards } from './clients/embedding-shards.client.ts';
import { ensembleArtifacts } from './clients/ensemble-artifacts.client.ts';
import { connectFetcher } from './clients/fetcher.client.ts';
import type { Config } from './config.ts';
import { type ChosenBackbone, chooseBackbone } from './embedding/choose-backbone.ts';
import { chooseExecutionProvider } from './embedding/choose-execution-provider.ts';
import { createEmbedder, tryOutBackbone } from './embedding/embedder.ts';
import { onEnsembleTrained } from './events/on-ensemble-trained.ts';
import { onImageBatchStored } from './events/on-image-batch-stored.ts';
import { inferenceGrpc } from './grpc/inference.grpc.ts';
import { createHeadRunner } from './heads/head-runner.ts';
import { showBackbone } from './metrics.ts';
import { createNetworkRunner } from './networks/network-runner.ts';
import type { RecordedBackbone } from './repos/backbones.repo.ts';
import { addPredictionRunRoutes } from './rest/prediction-runs.rest.ts';
import { addPredictionRoutes } from './rest/predictions.rest.ts';
import type { Schema } from './schema.ts';
import { createStore, type RootStore, workKinds } from './store.ts';
import { embedBatch } from './usecases/embed-batch.ts';
import { endPredictionRun } from './usecases/end-prediction-run.ts';
import { predictBatch } from './usecases/predict-batch.ts';
import { selectPages } from './usecases/select-pages.ts';

export interface Started {
  httpPort: number;
  /** Undefined for a worker, which serves no calls. */
  grpcPort: number | undefined;
  /** Name of the backbone that serves. */
  backbone: string;
}

/** Builds the service from its configuration and starts the parts that its role has. */
export async function startInference(config: Config, log: Log, lifetime: Lifetime): Promise<Started> {
  const db = openDb<Schema>({
    url: config.databaseUrl,
    schema: 'inference',
    applicationName: 'inference',
    poolMax: config.databasePoolMax,
    log,
  });
  lifetime.onStop('database', () => db.close());
  await migrateSchema(db, migrations, { mode: config.migrations, log });
  const messaging = await connectMessaging({
    url: config.natsUrl,
    name: 'inference',
    namespace: config.natsNamespace,
    replicas: config.natsReplicas,
    log,
  });
  lifetime.onStop('messaging', () => messaging.close());
  lifetime.onStop('metrics of servers', watchServers({ service: 'inference', db, messaging }));
  const catalog = connectCatalog(config.catalogAddress, config.serviceApiKey);
  lifetime.onStop('catalog client', () => catalog.close());
  const fetcher = connectFetcher(config.fetcherAddress, config.serviceApiKey);
  lifetime.onStop('fetcher client', () => fetcher.close());
  const objects = await openObjectStore(config.objectStoreUrl);
  const store = createStore(db);
  const chosen = await chooseBackbone({
    wish: config.backbone,
    recorded: (await store.backbones.findBackboneInUse())?.name,
    folders: config.modelFolders,
    cacheFolder: config.modelCacheFolder,
    offline: config.offline,
    log,
    tryOut: tryOutBackbone,
  });
  const { name, sha256, dimensions } = chosen.recipe;
  const parts: Parts = {
    config,
    log,
    lifetime,
    db,
    messaging,
    catalog,
    fetcher,
    store,
    chosen,
    backbone: await store.backbones.recordBackbone({ name, sha256, dimensions }),
    shards: embeddingShards(objects),
    artifacts: ensembleArtifacts(objects),
  };
  showBackbone(name);
  if (config.role !== 'api') await startWorkers(parts);
  const grpcPort = config.role === 'worker' ? undefined : await serveGrpc(parts);
  return { httpPort: await serveHttp(parts), grpcPort, backbone: name };
}

interface Parts {
  config: Config;
  log: Log;
  lifetime: Lifetime;
  db: ReturnType<typeof openDb<Schema>>;
  messaging: Awaited<ReturnType<typeof connectMessaging>>;
  catalog: ReturnType<typeof connectCatalog>;
  fetcher: ReturnType<typeof connectFetcher>;
  store: RootStore;
  chosen: ChosenBackbone;
  backbone: RecordedBackbone;
  shards: ReturnType<typeof embeddingShards>;
  artifacts: ReturnType<typeof ensembleArtifacts>;
}

async function startWorkers(parts: Parts): Promise<void> {
  const { config, log, lifetime, db, messaging, catalog, store, chosen } = parts;
  const { executionProvider } = await chooseExecutionProvider(config.executionProvider, chosen, tryOutBackbone, log);
  await selectBackend('auto', log);
  const embedder = chosen.canEmbed
    ? await createEmbedder({ ...chosen, executionProvider, threads: config.embeddingThreads, log })
    : undefined;
  if (embedder) lifetime.onStop('embedder', () => embedder.close());

  const common = {
    service: 'inference',
    db,
    messaging,
    log,
    staleMs: config.batchStaleMs,
    heartbeatMs: config.batchStaleMs / 4,
  };
  const embedding = await startWorker<Schema>({
    ...common,
    kind: 'embed',
    concurrency: config.embeddingBatchesInFlightMax,
    handle: ({ runId, signal, complete }) =>
      embedBatch(
        { ...parts, embeddings: store.embeddings, embedder },
        { batchId: runId, signal, complete: (write) => complete((tx) => write(store.on(tx))) },
      ),
    onFailed: async (tx, { runId }) => {
      const { embeddings } = store.on(tx);
      await embeddings.releasePending(runId);
      await embeddings.deleteBatch(runId);
    },
  });
  lifetime.onStop('embedding worker', () => embedding.stop());

  const failRun: Parameters<typeof startWorker<Schema>>[0]['onFailed'] = async (tx, { runId }, reason) => {
    await endPredictionRun(store.on(tx), runId, 'failed', reason);
  };
  const selecting = await startWorker<Schema>({
    ...common,
    kind: 'select',
    concurrency: 1,
    handle: ({ runId, signal, complete }) =>
      selectPages(
        { ...store, catalog, pagesPerBatchMax: config.predictionPagesPerBatchMax, log },
        { runId, signal, complete: (write) => complete((tx) => write(store.on(tx))) },
      ),
    onFailed: failRun,
  });
  lifetime.onStop('selecting worker', () => selecting.stop());
  const networks = createNetworkRunner({ objectStoreUrl: config.objectStoreUrl }, log);
  lifetime.onStop('network thread', () => networks.close());
  const heads = createHeadRunner({ objectStoreUrl: config.objectStoreUrl }, log);
  lifetime.onStop('head thread', () => heads.close());
  const predicting = await startWorker<Schema>({
    ...common,
    kind: 'predict',
    concurrency: config.predictionBatchesInFlightMax,
    handle: ({ runId, number, signal, complete }) =>
      predictBatch(
        { ...parts, heads, networks, embeddingWaitMs: config.embeddingWaitMs },
        {
          runId,
          number,
          signal,
          complete: (write, writeRows) =>
            complete(
              (tx, left) => write(store.on(tx), left),
              (tx) => writeRows(store.on(tx)),
            ),
        },
      ),
    onFailed: failRun,
  });
  lifetime.onStop('predicting worker', () => predicting.stop());
}

async function serveGrpc(parts: Parts): Promise<number> {
  const { config, log, lifetime, db, messaging, store, chosen } = parts;
  const relay = startOutboxRelay({ db, publish: messaging.publish, log });
  lifetime.onStop('outbox relay', () => relay.stop());
  const staleMs = config.batchStaleMs;
  const sweeper = startSweeper({ service: 'inference', kinds: workKinds, db, messaging, log, staleMs });
  lifetime.onStop('sweeper', () => sweeper.stop());
  const consumption = await consumeEvents({
    messaging,
    service: 'inference',
    log,
    handlers: {
      'fetcher.image_batch.stored': onImageBatchStored(parts),
      'trainer.ensemble.trained': onEnsembleTrained({ ...parts, ensembles: store.ensembles }),
    },
  });
  lifetime.onStop('event consumers', () => consumption.stop());
  const server = await startRpcServer({
    definition: InferenceServiceDefinition,
    implementation: inferenceGrpc({ ...parts, backboneNote: chosen.note }),
    authenticator: createAuthenticator({ required: config.authRequired, keys: config.apiKeys }),
    log,
    host: config.grpcHost,
    port: config.grpcPort,
  });
  lifetime.onStop('grpc', () => server.stop());
  return server.port;
}

async function serveHttp(parts: Parts): Promise<number> {
  const { config, log, lifetime, db, messaging, chosen } = parts;
  const app = await createHttpApp({
    service: 'inference',
    title: 'Florilegium inference',
    description: 'Embeds pages, records ensembles, predicts, finds similar pages.',
    authenticator: createAuthenticator({ required: config.authRequired, keys: config.apiKeys }),
    log,
    readiness: { database: () => db.pool.query('select 1') },
    shown: { nats: messaging.check },
  });
  if (config.role !== 'worker') {
    addPredictionRunRoutes(app, parts);
    addPredictionRoutes(app, { ...parts, backboneNote: chosen.note });
  }
  const address = await app.listen({ host: config.httpHost, port: config.httpPort });
  lifetime.onStop('http', () => app.close());
  return Number(new URL(address).port);
}
