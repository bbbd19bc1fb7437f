import { createAuthenticator } from '@florilegium/auth';
import { migrateSchema, openDb } from '@florilegium/db';
import { createHttpApp } from '@florilegium/http';
import { createLog } from '@florilegium/log';
import { connectMessaging } from '@florilegium/messaging';
import { openObjectStore } from '@florilegium/object-store';
import { type Lifetime, runService, watchServers } from '@florilegium/service';
import { migrations } from '../migrations/index.ts';
import { catalogClient } from './clients/catalog.client.ts';
import { curationClient } from './clients/curation.client.ts';
import { fetcherClient } from './clients/fetcher.client.ts';
import { inferenceClient } from './clients/inference.client.ts';
import { readConfig } from './config.ts';
import type { Schema } from './schema.ts';
import { serveApi } from './serve-api.ts';
import { startWorkers } from './start-workers.ts';
import { createStore, service } from './store.ts';
import { createCompute } from './training/compute.ts';

const config = (() => {
  try {
    return readConfig();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
})();
const log = createLog({ service, level: config.logLevel });
runService({ log, start, endWithParent: config.endWithParent });

async function start(lifetime: Lifetime): Promise<void> {
  const { onStop } = lifetime;
  const { databaseUrl, databasePoolMax: poolMax, natsUrl, natsNamespace: namespace, natsReplicas: replicas } = config;
  const db = openDb<Schema>({ url: databaseUrl, schema: service, poolMax, log });
  onStop('database', () => db.close());
  await migrateSchema(db, migrations, { mode: config.migrations, log });
  const messaging = await connectMessaging({ url: natsUrl, name: service, namespace, replicas, log });
  onStop('messaging', () => messaging.close());
  onStop('metrics of servers', watchServers({ service, db, messaging }));
  const store = createStore(db);

  if (config.role !== 'api') {
    const apiKey = config.serviceApiKey;
    const neighbours = {
      catalog: catalogClient({ address: config.catalogGrpc, apiKey }),
      fetcher: fetcherClient({ address: config.fetcherGrpc, apiKey }),
      inference: inferenceClient({ address: config.inferenceGrpc, apiKey }),
      curation: curationClient({ address: config.curationGrpc, apiKey }),
    };
    for (const [name, client] of Object.entries(neighbours)) onStop(name, () => client.close());
    const objects = await openObjectStore(config.objectStore);
    const compute = createCompute(config.computeThreads, config.tensorflowBackend, log);
    onStop('compute threads', () => compute.close());
    const workers = await startWorkers({ ...config, ...neighbours, db, messaging, store, objects, compute, log });
    onStop('workers', () => workers.stop());
  }

  const authenticator = createAuthenticator({ required: config.authRequired, keys: config.apiKeys });
  const app = await createHttpApp({
    service,
    title: 'Florilegium trainer',
    description: 'Trainings of ensembles on frozen label sets',
    authenticator,
    log,
    readiness: { database: () => store.check() },
    shown: { nats: messaging.check },
  });
  if (config.role !== 'worker') {
    const address = { host: config.grpcHost, port: config.grpcPort };
    await serveApi(app, { store, db, messaging, authenticator, log }, address, lifetime);
  }
  await app.listen({ host: config.httpHost, port: config.httpPort });
  onStop('http', () => app.close());
}
