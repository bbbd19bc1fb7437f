import { silentLog } from '@florilegium/log';
import { connectMessaging } from '@florilegium/messaging';
import { expect, inject, it, onTestFinished } from 'vitest';

const connect = async (namespace: string, replicas?: number) => {
  const messaging = await connectMessaging({
    url: inject('natsUrl'),
    name: 'connect-test',
    namespace,
    log: silentLog,
    replicas,
  });
  onTestFinished(() => messaging.close());
  return messaging;
};

it('brings streams that are there up to date', async () => {
  const namespace = `connect-${process.pid}`;
  const { manager, streams } = await connect(namespace);
  const before = (await manager.streams.info(streams.event)).config;
  await manager.streams.update(streams.event, { max_bytes: 1 << 20, max_age: before.max_age / 2 });
  await connect(namespace);
  expect((await manager.streams.info(streams.event)).config).toEqual(before);
});

it('asks for the copies that are configured, for streams that are there, too', async () => {
  const namespace = `connect-copies-${process.pid}`;
  const { manager, streams } = await connect(namespace);
  const outcome = await connect(namespace, 3).then(
    async () => (await manager.streams.info(streams.event)).config.num_replicas,
    (error: Error) => error.message,
  );
  // A server that stands alone takes it or refuses it, by its version.
  if (outcome !== 3) expect(outcome).toContain(`stream ${streams.event} cannot be changed (num_replicas)`);
});
