import { failedPrecondition, invalidArgument } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { connectMessaging, consumeEvents, eventMessage, type Messaging } from '@florilegium/messaging';
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
