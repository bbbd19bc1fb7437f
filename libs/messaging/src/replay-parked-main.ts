// Lists the events that were given up, or publishes them again: `node libs/messaging/src/replay-parked-main.ts [--all | NUMBER…]`.
import { messageOf } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { connectMessaging } from './connect.ts';
import { listParked, replayParked } from './replay-parked.ts';

const wanted = process.argv.slice(2);
if (wanted.some((word) => word !== '--all' && !/^\d+$/.test(word))) {
  console.error(
    'usage: node libs/messaging/src/replay-parked-main.ts [--all | NUMBER…]; without either it lists what is parked',
  );
  process.exit(1);
}
try {
  const messaging = await connectMessaging({
    url: process.env.NATS_URL ?? 'nats://127.0.0.1:4222',
    namespace: process.env.NATS_NAMESPACE || undefined,
    name: 'replay-parked',
    connectTimeoutMs: 5000,
    log: silentLog,
  });
  if (wanted.length === 0)
    for await (const { sequence, event, messageId, reason } of listParked(messaging))
      console.log(`${sequence}\t${event}\t${messageId}\t${reason}`);
  else {
    const isWanted = ({ sequence }: { sequence: number }) => wanted.includes('--all') || wanted.includes(`${sequence}`);
    const replayed = await replayParked(messaging, isWanted);
    for (const { sequence, event } of replayed) console.log(`${sequence}\t${event}\tpublished again`);
    console.log(`${replayed.length} events were published again`);
  }
  await messaging.close();
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}
