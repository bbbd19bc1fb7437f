import { type Db, readDatabaseState } from '@florilegium/db';
import { type Messaging, readMessagingState } from '@florilegium/messaging';
import { Counter, Gauge } from 'prom-client';

const up = new Gauge({
  name: 'florilegium_server_up',
  help: '1 when the server behind the service answered at the last look: postgres, nats',
  labelNames: ['server'],
  collect,
});
const poolConnections = new Gauge({
  name: 'florilegium_postgres_pool_connections',
  help: 'Connections of this process: idle, in_use, and requests that wait for one: waiting',
  labelNames: ['state'],
  collect,
});
const databaseBytes = new Gauge({ name: 'florilegium_postgres_database_bytes', help: 'Size of the database', collect });
const connections = new Gauge({
  name: 'florilegium_postgres_connections',
  help: 'Connections to the database, of all',
  collect,
});
const connectionsMax = new Gauge({
  name: 'florilegium_postgres_connections_max',
  help: 'Connections that PostgreSQL takes',
  collect,
});
const transactions = new Counter({
  name: 'florilegium_postgres_transactions_total',
  help: 'Transactions of the database, of all, by outcome: committed, rolled_back',
  labelNames: ['outcome'],
  collect,
});
const deadlocks = new Counter({
  name: 'florilegium_postgres_deadlocks_total',
  help: 'Deadlocks of the database',
  collect,
});
const cacheHitShare = new Gauge({
  name: 'florilegium_postgres_cache_hit_ratio',
  help: 'Share of blocks that PostgreSQL found in its own cache since its statistics began',
  collect,
});
const outboxMessages = new Gauge({
  name: 'florilegium_outbox_messages',
  help: 'Messages of the service that wait to be published',
  collect,
});
const outboxOldest = new Gauge({
  name: 'florilegium_outbox_oldest_seconds',
  help: 'Age of the oldest message that waits to be published; 0 when none does',
  collect,
});
const roundTrip = new Gauge({ name: 'florilegium_nats_round_trip_seconds', help: 'A ping to NATS and back', collect });
const streamMessages = new Gauge({
  name: 'florilegium_jetstream_stream_messages',
  help: 'Messages in a stream: event, work, parked',
  labelNames: ['stream'],
  collect,
});
const streamBytes = new Gauge({
  name: 'florilegium_jetstream_stream_bytes',
  help: 'Bytes of a stream',
  labelNames: ['stream'],
  collect,
});
const consumerPending = new Gauge({
  name: 'florilegium_jetstream_consumer_pending',
  help: 'Messages that wait for a consumer of the service',
  labelNames: ['consumer'],
  collect,
});
const consumerAckPending = new Gauge({
  name: 'florilegium_jetstream_consumer_ack_pending',
  help: 'Messages in work at a consumer of the service',
  labelNames: ['consumer'],
  collect,
});
const consumerRedelivered = new Gauge({
  name: 'florilegium_jetstream_consumer_redelivered',
  help: 'Messages at a consumer of the service that were delivered more than once and are not done',
  labelNames: ['consumer'],
  collect,
});

const lookTimeoutMs = 3000;
const watched = new Set<() => Promise<unknown>>();
let looking: Promise<unknown> | undefined;

/** All metrics of a scrape are read at once: they share one look. */
async function collect(): Promise<void> {
  looking ??= Promise.all([...watched].map((look) => look())).finally(() => {
    looking = undefined;
  });
  await looking;
}

/** Shows PostgreSQL and NATS, as this service sees them, in its metrics; they are looked at when the metrics are read. Gives the end of it. */
export function watchServers<Schema>({
  service,
  db,
  messaging,
}: {
  service: string;
  db: Db<Schema>;
  messaging: Messaging;
}): () => void {
  const readDatabase = oneAtATime(() => readDatabaseState(db));
  const readMessaging = oneAtATime(() => readMessagingState(messaging, service));
  const look = async () => {
    const { pool } = db;
    poolConnections.set({ state: 'idle' }, pool.idleCount);
    poolConnections.set({ state: 'in_use' }, pool.totalCount - pool.idleCount);
    poolConnections.set({ state: 'waiting' }, pool.waitingCount);
    await Promise.all([
      inTime(readDatabase()).then(showDatabase, () => up.set({ server: 'postgres' }, 0)),
      inTime(readMessaging()).then(showMessaging, () => up.set({ server: 'nats' }, 0)),
    ]);
  };
  watched.add(look);
  return () => void watched.delete(look);
}

function showDatabase(state: Awaited<ReturnType<typeof readDatabaseState>>): void {
  up.set({ server: 'postgres' }, 1);
  databaseBytes.set(state.bytes);
  connections.set(state.connections);
  connectionsMax.set(state.connectionsMax);
  // PostgreSQL counts; we pass on where it stands.
  transactions.reset();
  transactions.inc({ outcome: 'committed' }, state.committed);
  transactions.inc({ outcome: 'rolled_back' }, state.rolledBack);
  deadlocks.reset();
  deadlocks.inc(state.deadlocks);
  cacheHitShare.set(state.cacheHitShare);
  outboxMessages.set(state.outboxMessages);
  outboxOldest.set(state.outboxOldestSeconds);
}

function showMessaging(state: Awaited<ReturnType<typeof readMessagingState>>): void {
  up.set({ server: 'nats' }, 1);
  roundTrip.set(state.roundTripSeconds);
  for (const { stream, messages, bytes } of state.streams) {
    streamMessages.set({ stream }, messages);
    streamBytes.set({ stream }, bytes);
  }
  for (const { consumer, pending, ackPending, redelivered } of state.consumers) {
    consumerPending.set({ consumer }, pending);
    consumerAckPending.set({ consumer }, ackPending);
    consumerRedelivered.set({ consumer }, redelivered);
  }
}

/** A look that a hanging server has not answered is waited for by the next scrape, too: each of its own would take another connection. */
function oneAtATime<Result>(look: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined;
  return () => {
    running ??= look().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** Metrics are scraped every few seconds: a scrape does not wait for a server that hangs. */
async function inTime<Result>(look: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), lookTimeoutMs);
  });
  try {
    return await Promise.race([look, late]);
  } finally {
    clearTimeout(timer);
  }
}
