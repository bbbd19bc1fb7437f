import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashApiKey, parseApiKeys } from '@florilegium/auth';
import type { EventName, EventPayload } from '@florilegium/contracts';
import { CurationServiceDefinition } from '@florilegium/contracts/curation';
import { createTestDatabase } from '@florilegium/db';
import { silentLog } from '@florilegium/log';
import { connectMessaging, consumeEvents, type EventHandlers, eventMessage } from '@florilegium/messaging';
import { type ObjectStore, openObjectStore } from '@florilegium/object-store';
import { createRpcClient } from '@florilegium/rpc';
import { v7 as uuidv7 } from 'uuid';
import type { Config } from '../src/config.ts';
import { startCuration } from '../src/start-curation.ts';
import { aWorld, type World } from './neighbours.ts';

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever JSON comes
  body: any;
}

export type TestService = Awaited<ReturnType<typeof startTestService>>;

/** Curation as a whole on a database and a NATS namespace of its own, with hand-written neighbours; every event is published twice. */
export async function startTestService({
  databaseUrl,
  natsUrl,
  name,
  authRequired = true,
  world = aWorld(),
}: {
  databaseUrl: string;
  natsUrl: string;
  name: string;
  authRequired?: boolean;
  world?: World;
}) {
  const database = await createTestDatabase(databaseUrl);
  const folder = await mkdtemp(join(tmpdir(), 'curation-test-'));
  const stops: (() => unknown)[] = [];
  const config: Config = {
    role: 'all',
    httpHost: '127.0.0.1',
    httpPort: 0,
    grpcHost: '127.0.0.1',
    grpcPort: 0,
    databaseUrl: database.url,
    databasePoolMax: 10,
    natsUrl,
    natsNamespace: `curation-${name}-${process.pid}`,
    natsReplicas: 1,
    authRequired,
    apiKeys: parseApiKeys(
      `vera:viewer:${hashApiKey('v')},carl:curator:${hashApiKey('c')},olga:operator:${hashApiKey('o')}`,
    ),
    serviceApiKey: undefined,
    logLevel: 'silent',
    endWithParent: false,
    migrations: 'apply',
    catalogGrpc: '',
    fetcherGrpc: '',
    inferenceGrpc: '',
    objectStore: `file://${folder}`,
    entropyQuantile: 0.8,
    reviewRandomShare: 0.1,
  };
  const started = await startCuration(config, {
    log: silentLog,
    neighbours: world.neighbours,
    lifetime: { onStop: (_part, stop) => stops.push(stop), signal: new AbortController().signal },
  });
  const messaging = await connectMessaging({
    url: natsUrl,
    name: 'test',
    namespace: config.natsNamespace,
    log: silentLog,
  });
  const heard: { name: EventName; payload: unknown }[] = [];
  const hear = <Name extends EventName>(event: Name) => ({
    [event]: async (payload: EventPayload<Name>) => void heard.push({ name: event, payload }),
  });
  const consumption = await consumeEvents({
    messaging,
    service: 'listener',
    log: silentLog,
    handlers: {
      ...hear('curation.label_set.frozen'),
      ...hear('curation.iteration.cancelled'),
      ...hear('curation.iteration.predicted'),
      ...hear('curation.hq_list.published'),
    } as EventHandlers,
  });
  const grpc = createRpcClient(CurationServiceDefinition, { address: `127.0.0.1:${started.grpcPort}`, apiKey: 'o' });
  const objects: ObjectStore = await openObjectStore(config.objectStore);

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${started.httpPort}${path}`, {
      method,
      headers: {
        authorization: 'Bearer o',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text } as Answer;
  };

  return {
    databaseUrl: database.url,
    url: `http://127.0.0.1:${started.httpPort}`,
    world,
    objects,
    heard,
    grpc: grpc.client,
    get: (path: string, headers?: Record<string, string>) => call('GET', path, undefined, headers),
    post: (path: string, body: unknown = {}, headers?: Record<string, string>) => call('POST', path, body, headers),
    /** Twice, with two message ids, so that JetStream's own deduplication cannot help. */
    publishTwice: async <Name extends EventName>(event: Name, payload: EventPayload<Name>) => {
      const { subject, payload: bytes } = eventMessage(event, payload);
      await messaging.publish(subject, bytes, uuidv7());
      await messaging.publish(subject, bytes, uuidv7());
    },
    payloadsOf: <Name extends EventName>(event: Name) =>
      heard.filter(({ name: heardName }) => heardName === event).map(({ payload }) => payload as EventPayload<Name>),
    stop: async () => {
      grpc.close();
      await consumption.stop();
      await messaging.close();
      for (const stop of stops.reverse()) await stop();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Asks again until the answer is as wanted. */
export async function until<Value>(
  what: string,
  read: () => Promise<Value> | Value,
  wanted: (value: Value) => boolean,
  timeoutMs = 15_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(value)?.slice(0, 600)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
