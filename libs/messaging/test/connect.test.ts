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

it('says which stream cannot have so many copies', async () => {
  const namespace = `connect-copies-${process.pid}`;
  const { streams } = await connect(namespace);
  await expect(connect(namespace, 3)).rejects.toThrow(`stream ${streams.event} cannot be changed (num_replicas)`);
});
