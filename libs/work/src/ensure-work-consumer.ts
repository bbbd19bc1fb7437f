import type { Messaging } from '@florilegium/messaging';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { workSubject } from './work-table.ts';

/** Name of the durable consumer that all workers of one kind share; an autoscaler asks for its lag by this name. */
export const workDurable = (service: string, kind: string): string => `${service}--${kind}`;

/** Makes the consumer of a kind of work, or brings it up to date. Batches that are queued before the first worker starts wait in it. */
export async function ensureWorkConsumer(
  messaging: Messaging,
  { service, kind, staleMs = 12_000 }: { service: string; kind: string; staleMs?: number },
): Promise<void> {
  await messaging.manager.consumers.add(messaging.streams.work, {
    durable_name: workDurable(service, kind),
    filter_subject: messaging.wireSubject(workSubject(service, kind)),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(staleMs + 1000),
    deliver_policy: DeliverPolicy.All,
    max_deliver: -1,
    max_ack_pending: 2000,
  });
}
