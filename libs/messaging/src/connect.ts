import { messageOf, unavailable } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import {
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { connect, headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import { parseNatsAddress } from './nats-address.ts';

const dayMs = 86_400_000;
/** The request that a message follows from, as in REST. */
export const requestIdHeader = 'x-request-id';

/** Streams of an installation; several installations may share one NATS under different namespaces. */
const streamsOf = (
  namespace: string,
): Record<'event' | 'work' | 'parked', Partial<StreamConfig> & { name: string }> => {
  const name = namespace.toUpperCase().replaceAll('-', '_');
  return {
    // Past facts, kept for replay; consumers are durable, one a service and event.
    event: {
      name: `${name}_EVENTS`,
      subjects: [`${namespace}.*.*.*.v1`],
      retention: RetentionPolicy.Limits,
      max_age: nanos(14 * dayMs),
      max_bytes: 1 << 27,
      discard: DiscardPolicy.Old,
    },
    // A run id and a batch number each, deleted when acknowledged.
    work: {
      name: `${name}_WORK`,
      subjects: [`${namespace}-work.>`],
      retention: RetentionPolicy.Workqueue,
      max_bytes: 1 << 27,
      discard: DiscardPolicy.New,
    },
    // Messages that were given up, with the reason, for people to look at.
    parked: {
      name: `${name}_PARKED`,
      subjects: [`${namespace}-parked.>`],
      retention: RetentionPolicy.Limits,
      max_age: nanos(30 * dayMs),
      max_bytes: 1 << 24,
      discard: DiscardPolicy.Old,
    },
  };
};

export interface Messaging {
  connection: NatsConnection;
  jetstream: JetStreamClient;
  manager: JetStreamManager;
  /** Names of the streams of this namespace. */
  streams: { event: string; work: string; parked: string };
  /** The subject as this namespace has it: `florilegium.x` → `<namespace>.x`. */
  wireSubject(subject: string): string;
  /** Publishes and waits for the stream's acknowledgement. The same message id within ten minutes is stored once. */
  publish(subject: string, payload: Uint8Array, messageId: string, requestId?: string): Promise<void>;
  /** Makes the streams that are missing and brings the others up to date, as the connection did at its start. */
  ensureStreams(): Promise<void>;
  /** Throws unavailable when the server does not answer in time. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface MessagingOptions {
  /** nats://[user:password@]host:port, several separated by commas. */
  url: string;
  /** Shown in the server's connection list. */
  name: string;
  log: Log;
  /** First word of every subject and stream; tests take one each. */
  namespace?: string;
  /** How long the first connection is tried for. */
  connectTimeoutMs?: number;
  replicas?: number;
}

/** Connects, makes the streams that are missing and brings the others up to date. Reconnects by itself for ever afterwards. */
export async function connectMessaging({
  url,
  name,
  log,
  namespace = 'florilegium',
  connectTimeoutMs = 60_000,
  replicas = 1,
}: MessagingOptions): Promise<Messaging> {
  const connection = await connectPatiently(url, name, connectTimeoutMs, log);
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'reconnect')
        log.info({ status: status.type }, 'nats connection');
    }
  })().catch(() => {});
  const manager = await jetstreamManager(connection, { timeout: 10_000 });
  const streams = streamsOf(namespace);
  const ensureStreams = async () => {
    for (const stream of Object.values(streams))
      await ensureStream(manager, { ...stream, num_replicas: replicas }, log);
  };
  await ensureStreams();
  const client = jetstream(connection, { timeout: 10_000 });
  const wireSubject = (subject: string) => subject.replace(/^florilegium(?=[.-])/, namespace);
  return {
    connection,
    jetstream: client,
    manager,
    streams: { event: streams.event.name, work: streams.work.name, parked: streams.parked.name },
    wireSubject,
    publish: async (subject, payload, messageId, requestId) => {
      const carried = headers();
      if (requestId !== undefined) carried.set(requestIdHeader, requestId);
      try {
        await client.publish(wireSubject(subject), payload, { msgID: messageId, timeout: 5000, headers: carried });
      } catch (error) {
        throw unavailable(`could not publish to ${subject}: ${messageOf(error)}`, { cause: error });
      }
    },
    ensureStreams,
    check: async () => {
      const timeout = AbortSignal.timeout(2000);
      await Promise.race([
        connection.flush(),
        new Promise((_, reject) =>
          timeout.addEventListener('abort', () => reject(unavailable('nats does not answer'))),
        ),
      ]);
    },
    close: async () => {
      await connection.drain().catch(() => connection.close());
    },
  };
}

async function connectPatiently(
  url: string,
  name: string,
  connectTimeoutMs: number,
  log: Log,
): Promise<NatsConnection> {
  const address = parseNatsAddress(url);
  const deadline = Date.now() + connectTimeoutMs;
  let told = '';
  for (;;) {
    try {
      // Connection attempts after the first success never end: a restarted server is found again.
      return await connect({
        ...address,
        name,
        maxReconnectAttempts: -1,
        // Else two refusals in a row end them: credentials that are being changed arrive one server after the other.
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: 500,
        reconnectJitter: 250,
        timeout: 5000,
        pingInterval: 10_000,
      });
    } catch (error) {
      const reason = messageOf(error);
      if (Date.now() > deadline) throw unavailable(`nats cannot be reached: ${reason}`, { cause: error });
      if (reason !== told) log.info({ reason }, 'NATS does not answer yet');
      told = reason;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** What may change between versions and by configuration, and what NATS lets change. */
const changeable = ['num_replicas', 'max_bytes', 'max_age', 'subjects'] as const;

async function ensureStream(
  manager: JetStreamManager,
  wanted: Partial<StreamConfig> & { name: string },
  log: Log,
): Promise<void> {
  const find = () => manager.streams.info(wanted.name).then(({ config }) => config);
  const full = { storage: StorageType.File, duplicate_window: nanos(600_000), ...wanted };
  const found = await find().catch(async () => {
    try {
      await manager.streams.add(full);
    } catch (error) {
      // Replicas that start together: somebody else made it meanwhile.
      return await find().catch(() => {
        throw error;
      });
    }
  });
  if (!found) return;
  const changes = changeable.filter(
    (key) => wanted[key] !== undefined && JSON.stringify(wanted[key]) !== JSON.stringify(found[key]),
  );
  if (changes.length === 0) return;
  log.info({ stream: wanted.name, changes }, 'stream is brought up to date');
  try {
    await manager.streams.update(wanted.name, Object.fromEntries(changes.map((key) => [key, wanted[key]])));
  } catch (error) {
    throw unavailable(`stream ${wanted.name} cannot be changed (${changes.join(', ')}): ${messageOf(error)}`, {
      cause: error,
    });
  }
}
