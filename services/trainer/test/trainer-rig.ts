import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createAuthenticator, hashApiKey } from '@florilegium/auth';
import type { EventName, EventPayload } from '@florilegium/contracts';
import { createTestDatabase, type Db, migrateSchema, openDb } from '@florilegium/db';
import { createHttpApp, type HttpApp } from '@florilegium/http';
import { silentLog } from '@florilegium/log';
import { connectMessaging, consumeEvents, eventMessage, type Messaging } from '@florilegium/messaging';
import { type ObjectStore, openObjectStore } from '@florilegium/object-store';
import { v7 as uuidv7 } from 'uuid';
import { migrations } from '../migrations/index.ts';
import type { Schema } from '../src/schema.ts';
import { serveApi } from '../src/serve-api.ts';
import { startWorkers, type WorkersDeps } from '../src/start-workers.ts';
import { createStore, type Store, service } from '../src/store.ts';
import { createCompute } from '../src/training/compute.ts';
import type { FakeNeighbours } from './fake-neighbours.ts';

/** Short, so that a lost worker is missed within a second. */
export const timing = { heartbeatMs: 100, staleMs: 800, retryDelayMs: () => 50 };

/** Where the parts of an installation meet; a worker in another process joins by it. */
export interface Meeting {
  databaseUrl: string;
  natsUrl: string;
  namespace: string;
  objectStoreUrl: string;
}

export interface Ended {
  name: EventName;
  payload: { trainingId: string; iterationId: string; labelSetId: string };
}

export interface TrainerRig {
  meeting: Meeting;
  store: Store;
  objects: ObjectStore;
  app: HttpApp;
  address: string;
  grpcAddress: string;
  publish<Name extends EventName>(name: Name, payload: EventPayload<Name>, messageId?: string): Promise<void>;
  /** Events by which trainings ended, as a listener hears them. */
  ended: Ended[];
  startWorkers(neighbours: FakeNeighbours, overrides?: Partial<WorkersDeps>): Promise<{ stop(): Promise<void> }>;
  stop(): Promise<void>;
}

/** The whole service in this process, on real servers; its keys are `v` (viewer) and `o` (operator). */
export async function startTrainerRig(adminUrl: string, natsUrl: string): Promise<TrainerRig> {
  const database = await createTestDatabase(adminUrl);
  const folder = await mkdtemp(join(tmpdir(), 'trainer-test-'));
  const meeting = {
    databaseUrl: database.url,
    natsUrl,
    namespace: `trainer-${uuidv7().slice(-12)}`,
    objectStoreUrl: pathToFileURL(folder).href,
  };
  const stops: (() => unknown)[] = [() => rm(folder, { recursive: true }), () => database.drop()];
  const { db, messaging } = await meet(meeting, stops);
  await migrateSchema(db, migrations);
  const store = createStore(db);
  const objects = await openObjectStore(meeting.objectStoreUrl);
  const authenticator = createAuthenticator({
    required: true,
    keys: [
      { name: 'vera', role: 'viewer', sha256: hashApiKey('v') },
      { name: 'olga', role: 'operator', sha256: hashApiKey('o') },
    ],
  });
  const log = silentLog;
  const app = await createHttpApp({ service, title: 't', description: 'd', authenticator, log, readiness: {} });
  const lifetime = {
    onStop: (_: string, stop: () => unknown) => stops.push(stop),
    signal: new AbortController().signal,
  };
  const grpcPort = await serveApi(
    app,
    { store, db, messaging, authenticator, log },
    { host: '127.0.0.1', port: 0 },
    lifetime,
  );
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  stops.push(() => app.close());

  const ended: Ended[] = [];
  const listen = (name: EventName) => async (payload: unknown) => void ended.push({ name, payload: payload as never });
  const listener = await consumeEvents({
    messaging,
    service: 'listener',
    log,
    handlers: {
      'trainer.ensemble.trained': listen('trainer.ensemble.trained'),
      'trainer.training.failed': listen('trainer.training.failed'),
      'trainer.training.cancelled': listen('trainer.training.cancelled'),
    },
  });
  stops.push(() => listener.stop());
  const [compute, briefCompute] = [createCompute(1, 'wasm', log), createCompute(1, 'wasm', log)];
  stops.push(() => Promise.all([compute.close(), briefCompute.close()]));

  return {
    meeting,
    store,
    objects,
    app,
    address,
    grpcAddress: `127.0.0.1:${grpcPort}`,
    publish: (name, payload, messageId = uuidv7()) => {
      const message = eventMessage(name, payload);
      return messaging.publish(message.subject, message.payload, messageId);
    },
    ended,
    startWorkers: (neighbours, overrides) =>
      startRigWorkers({ db, messaging, store, objects, compute, briefCompute }, neighbours, overrides),
    stop: async () => {
      for (const stop of stops.reverse()) await stop();
    },
  };
}

export function startRigWorkers(
  parts: Pick<WorkersDeps, 'db' | 'messaging' | 'store' | 'objects' | 'compute' | 'briefCompute'>,
  neighbours: FakeNeighbours,
  overrides: Partial<WorkersDeps> = {},
) {
  const limits = {
    labelsMax: 1000,
    embeddingWaitMs: 30_000,
    imageDatasetBytesMax: 2 ** 24,
    checkpointEveryMs: 0,
    codeVersion: 'test',
    computeThreads: 1,
  };
  return startWorkers({ ...parts, ...neighbours, log: silentLog, ...limits, ...overrides }, timing);
}

export async function meet(
  { databaseUrl, natsUrl, namespace }: Meeting,
  stops: (() => unknown)[],
): Promise<{ db: Db<Schema>; messaging: Messaging }> {
  const db = openDb<Schema>({ url: databaseUrl, schema: service });
  stops.push(() => db.close());
  const messaging = await connectMessaging({ url: natsUrl, name: service, namespace, log: silentLog });
  stops.push(() => messaging.close());
  return { db, messaging };
}
