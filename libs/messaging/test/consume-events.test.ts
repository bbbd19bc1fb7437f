import { failedPrecondition, invalidArgument, unavailable } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import {
  connectMessaging,
  consumeEvents,
  eventMessage,
  listParked,
  type Messaging,
  replayParked,
} from '@florilegium/messaging';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

let messaging: Messaging;
beforeAll(async () => {
  messaging = await connectMessaging({
    url: inject('natsUrl'),
    name: 'test',
    namespace: `events-test-${process.pid}`,
    log: silentLog,
  });
});
afterAll(() => messaging.close());

async function until(check: () => boolean | Promise<boolean>) {
  const deadline = Date.now() + 10_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const publish = (reason: string, id: string) => {
  const { subject, payload } = eventMessage('catalog.import.failed', { importId: id, reason });
  return messaging.publish(subject, payload, id);
};

it('stores a message id once, retries what is not here yet, parks what is useless', async () => {
  const seen: string[] = [];
  await publish('good', 'a');
  await publish('good', 'a');
  await publish('early', 'b');
  await publish('useless', 'c');
  const consumption = await consumeEvents({
    messaging,
    service: 'listener',
    log: silentLog,
    retryDelayMs: () => 30,
    handlers: {
      'catalog.import.failed': async ({ importId, reason }, { delivery }) => {
        seen.push(`${importId}${delivery}`);
        if (reason === 'early' && delivery < 3) throw failedPrecondition('not here yet');
        if (reason === 'useless') throw invalidArgument('never will be');
      },
    },
  });
  await until(() => seen.includes('b3') && seen.includes('c1'));
  await until(async () => (await messaging.manager.streams.info(messaging.streams.parked)).state.messages === 1);
  await consumption.stop();
  expect(seen.toSorted()).toEqual(['a1', 'b1', 'b2', 'b3', 'c1']);
});

it('waits much longer for a server behind that is away than for an error that may be the message itself', async () => {
  const deliveries: Record<string, number> = {};
  const consumption = await consumeEvents({
    messaging,
    service: 'patient',
    log: silentLog,
    retryDelayMs: () => 20,
    deliveriesMax: 2,
    unavailableDeliveriesMax: 20,
    handlers: {
      'catalog.import.cancelled': async ({ importId }, { delivery }) => {
        deliveries[importId] = delivery;
        if (importId === 'poison') throw new Error('always');
        if (delivery < 6 && importId === 'patience') throw unavailable('a neighbour is away');
        if (delivery < 6)
          throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
      },
    },
  });
  for (const importId of ['poison', 'patience', 'database']) {
    const { subject, payload } = eventMessage('catalog.import.cancelled', { importId });
    await messaging.publish(subject, payload, importId);
  }
  await until(() => deliveries.patience === 6 && deliveries.database === 6);
  await until(async () => (await messaging.manager.streams.info(messaging.streams.parked)).state.messages === 2);
  await consumption.stop();
  expect(deliveries).toEqual({ poison: 2, patience: 6, database: 6 });
});

it('keeps an event that cannot be parked until it can be', async () => {
  const { parked } = messaging.streams;
  const { config } = await messaging.manager.streams.info(parked);
  await messaging.manager.streams.delete(parked);
  const seen: number[] = [];
  const consumption = await consumeEvents({
    messaging,
    service: 'homeless',
    log: silentLog,
    retryDelayMs: () => 20,
    handlers: {
      'catalog.import.completed': async (_payload, { delivery }) => {
        seen.push(delivery);
        throw invalidArgument('never will be');
      },
    },
  });
  const { subject, payload } = eventMessage('catalog.import.completed', {
    importId: 'd',
    pageCount: 1,
    keptPageCount: 1,
  });
  await messaging.publish(subject, payload, 'd');
  await until(() => seen.includes(3));
  await messaging.manager.streams.add(config);
  await until(async () => (await messaging.manager.streams.info(parked)).state.messages === 1);
  await consumption.stop();
});

it('publishes a parked event again when it is told to, and parks it no longer', async () => {
  const handled: string[] = [];
  const isMine = ({ reason }: { reason: string }) => reason === 'a bug';
  let isMended = false;
  const consumption = await consumeEvents({
    messaging,
    service: 'mended',
    log: silentLog,
    handlers: {
      'fetcher.fetch_run.cancelled': async ({ fetchRunId }) => {
        if (!isMended) throw invalidArgument('a bug');
        handled.push(fetchRunId);
      },
    },
  });
  const { subject, payload } = eventMessage('fetcher.fetch_run.cancelled', { fetchRunId: 'f' });
  await messaging.publish(subject, payload, 'f');
  const parked = async () => {
    const reasons: string[] = [];
    for await (const found of listParked(messaging)) if (isMine(found)) reasons.push(found.reason);
    return reasons;
  };
  await until(async () => (await parked()).length === 1);
  isMended = true;
  expect(await replayParked(messaging, isMine)).toMatchObject([{ messageId: 'f', reason: 'a bug' }]);
  await until(() => handled.length === 1);
  expect(await parked()).toEqual([]);
  await consumption.stop();
});

it('makes no event that is too long to be published', () => {
  expect(() => eventMessage('catalog.import.failed', { importId: 'e', reason: 'x'.repeat(65_536) })).toThrow(
    /catalog\.import\.failed would take 655\d\d bytes/,
  );
});
