import type { AddressInfo } from 'node:net';
import { createAuthenticator } from '@florilegium/auth';
import { migrateSchema, openDb, startOutboxRelay } from '@florilegium/db';
import type { Log } from '@florilegium/log';
import { connectMessaging } from '@florilegium/messaging';
import { type Lifetime, watchServers } from '@florilegium/service';
import { startSweeper, startWorker } from '@florilegium/work';
import { migrations } from '../migrations/index.ts';
import { buildCatalog } from './build-catalog.ts';
import type { CatalogConfig } from './config.ts';
import type { CatalogSchema } from './schema.ts';
import { createCatalogApp, startCatalogRpc } from './serve.ts';
import { failImport, importExport } from './usecases/import-export.ts';
import { importWork } from './usecases/start-import.ts';

const hourMs = 3_600_000;

export interface StartedCatalog {
  httpPort: number;
  /** Undefined for a worker. */
  grpcPort: number | undefined;
}

/** Starts the parts of the service that its role has, in order; each is registered to be stopped as soon as it stands. */
export async function startCatalog(config: CatalogConfig, log: Log, { onStop }: Lifetime): Promise<StartedCatalog> {
  const { databaseUrl: url, databasePoolMax: poolMax, role } = config;
  const db = openDb<CatalogSchema>({ url, schema: 'catalog', poolMax, log });
  onStop('database', db.close);
  await migrateSchema(db, migrations, { mode: config.migrations, log });
  const { natsUrl, natsNamespace: namespace, natsReplicas: replicas } = config;
  const messaging = await connectMessaging({ url: natsUrl, name: 'catalog', log, namespace, replicas });
  onStop('messaging', messaging.close);
  onStop('metrics of servers', watchServers({ service: 'catalog', db, messaging }));

  const authenticator = createAuthenticator({ required: config.authRequired, keys: config.apiKeys });
  const catalog = buildCatalog({ config, db, log });
  // Under a definition that changed without a new version, the candidates would be those of another rule.
  await catalog.checkRules();
  onStop('export files', catalog.exportFiles.close);
  const app = await createCatalogApp({
    catalog: role === 'worker' ? undefined : catalog,
    authenticator,
    log,
    readiness: { database: () => db.pool.query('select 1') },
    shown: { nats: messaging.check },
  });
  await app.listen({ host: config.httpHost, port: config.httpPort });
  onStop('rest', () => app.close());

  let grpcPort: number | undefined;
  if (role !== 'worker') {
    const rpc = await startCatalogRpc({ catalog, authenticator, log, host: config.grpcHost, port: config.grpcPort });
    onStop('grpc', rpc.stop);
    grpcPort = rpc.port;
    const relay = startOutboxRelay({ db, publish: messaging.publish, log });
    onStop('outbox relay', relay.stop);
    const { service, kind } = importWork;
    const sweeper = startSweeper({ service, kinds: [kind], db, messaging, log, staleMs: config.workStaleMs });
    onStop('sweeper', sweeper.stop);
  }
  if (role !== 'api') {
    // An import's merge of all of BHL outlasts the limit that is right for requests.
    const importDb = openDb<CatalogSchema>({ url, schema: 'catalog', poolMax: 4, statementTimeoutMs: hourMs, log });
    onStop('import database', importDb.close);
    const { importDeps, store, exportFiles, judgeNewRules } = buildCatalog({ config, db: importDb, log });
    onStop('import files', exportFiles.close);
    await store.dropEndedStaging();
    await judgeNewRules();
    const worker = await startWorker({
      ...importWork,
      db: importDb,
      messaging,
      log,
      concurrency: 1,
      // A source that cannot be read was asked several times in each try; a wrong address must show within minutes.
      unavailableFailuresMax: 5,
      staleMs: config.workStaleMs,
      heartbeatMs: config.workStaleMs / 4,
      handle: (batch) => importExport(importDeps, batch),
      onFailed: (tx, claim, reason) => failImport(store.on(tx), claim, reason),
    });
    onStop('import worker', worker.stop);
  }
  return { httpPort: (app.server.address() as AddressInfo).port, grpcPort };
}
