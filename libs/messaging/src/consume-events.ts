import { decodeEvent, type EventName, type EventPayload, subjectOf } from '@florilegium/contracts';
import { isAway, messageFateOf, messageOf, toAppError } from '@florilegium/errors';
import { checkedRequestId, inLogContext, type Log } from '@florilegium/log';
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { type Messaging, requestIdHeader } from './connect.ts';
import { countEvent } from './metrics.ts';

export interface EventMeta {
  /** The outbox id of its publisher. */
  messageId: string;
  /** 1 for the first delivery. */
  delivery: number;
  signal: AbortSignal;
}

export type EventHandlers = { [Name in EventName]?: (payload: EventPayload<Name>, meta: EventMeta) => Promise<void> };

export interface ConsumeOptions {
  messaging: Messaging;
  /** The listening service; one durable consumer stands for each of its events, shared by its replicas. */
  service: string;
  handlers: EventHandlers;
  log: Log;
  /** Deliveries after which an error that may be the message's own fault gives it up. */
  deliveriesMax?: number;
  /** The same while a server behind is away: at the longest delay this is about a day. */
  unavailableDeliveriesMax?: number;
  /** What is retried waits this long after delivery n. */
  retryDelayMs?: (delivery: number) => number;
}

export interface Consumption {
  stop(): Promise<void>;
}

const ackWaitMs = 30_000;

/**
 * Delivers events to handlers, at least once, one at a time for each event name.
 * The ack rule: a handler that returns acknowledges; an error whose code says drop ends the message; any other error delivers it again
 * after a growing delay, and the last delivery parks it in the stream of parked messages with its reason. What cannot be parked comes again.
 */
export async function consumeEvents({
  messaging,
  service,
  handlers,
  log,
  deliveriesMax = 60,
  unavailableDeliveriesMax = 3000,
  retryDelayMs = (delivery) => Math.min(30_000, 250 * 2 ** Math.min(delivery, 8)),
}: ConsumeOptions): Promise<Consumption> {
  const stopping = new AbortController();
  const names = Object.keys(handlers) as EventName[];
  // One consumer per event: a consumer with several filter subjects needs NATS 2.10, and 2.9 is what Debian has.
  for (const name of names) await ensureConsumer(messaging, durableOf(service, name), subjectOf(name));
  const loops = names.map((name) => consumeOne(name));
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };

  function triesOf(error: unknown): number {
    return isAway(error) ? unavailableDeliveriesMax : deliveriesMax;
  }

  async function consumeOne<Name extends EventName>(name: Name): Promise<void> {
    const durable = durableOf(service, name);
    const handle = handlers[name] as (payload: EventPayload<Name>, meta: EventMeta) => Promise<void>;
    while (!stopping.signal.aborted) {
      try {
        const consumer = await messaging.jetstream.consumers.get(messaging.streams.event, durable);
        while (!stopping.signal.aborted) {
          const message = await consumer.next({ expires: 1000 });
          if (message) await deliver(name, durable, handle, message);
        }
      } catch (error) {
        if (stopping.signal.aborted) return;
        log.warn({ event: name, reason: messageOf(error) }, 'event consumer interrupted');
        await new Promise((resolve) => setTimeout(resolve, 500));
        await ensureConsumer(messaging, durable, subjectOf(name)).catch(() => {});
      }
    }
  }

  async function deliver<Name extends EventName>(
    name: Name,
    durable: string,
    handle: (payload: EventPayload<Name>, meta: EventMeta) => Promise<void>,
    message: JsMsg,
  ): Promise<void> {
    const delivery = message.info.deliveryCount;
    const messageId = message.headers?.get('Nats-Msg-Id') ?? '';
    const beat = setInterval(() => message.working(), ackWaitMs / 3);
    try {
      const requestId = checkedRequestId(message.headers?.get(requestIdHeader));
      await inLogContext({ event: name, requestId }, () =>
        handle(decodeEvent(name, message.data), { messageId, delivery, signal: stopping.signal }),
      );
      message.ack();
      countEvent(name, 'handled');
    } catch (error) {
      const fate = messageFateOf(toAppError(error).code);
      const reason = messageOf(error);
      if (stopping.signal.aborted) message.nak(0);
      else if (fate === 'retry' && delivery < triesOf(error)) {
        // "Not here yet" is the ordinary course of events that cross; it is worth a line only when it lasts.
        log[delivery > 5 ? 'warn' : 'debug'](
          { event: name, messageId, delivery, reason },
          'event will be delivered again',
        );
        message.nak(retryDelayMs(delivery));
        countEvent(name, 'retried');
      } else {
        log.error({ event: name, messageId, delivery, reason, err: error }, 'event given up');
        const parked = {
          event: name,
          messageId,
          delivery,
          reason,
          payload: Buffer.from(message.data).toString('base64'),
        };
        try {
          await messaging.publish(
            `florilegium-parked.${durable}`,
            Buffer.from(JSON.stringify(parked)),
            `parked-${durable}-${messageId}`,
          );
        } catch (parkError) {
          log.error({ event: name, messageId, reason: messageOf(parkError) }, 'event could not be parked');
          message.nak(retryDelayMs(delivery));
          return;
        }
        message.term(reason.slice(0, 200));
        countEvent(name, 'given_up');
      }
    } finally {
      clearInterval(beat);
    }
  }
}

const durableOf = (service: string, name: EventName) => `${service}--${name.replaceAll('.', '-')}`;

async function ensureConsumer(messaging: Messaging, durable: string, subject: string): Promise<void> {
  const config: Partial<ConsumerConfig> = {
    durable_name: durable,
    filter_subject: messaging.wireSubject(subject),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    deliver_policy: DeliverPolicy.All,
    // Giving up is ours to do, with a reason.
    max_deliver: -1,
    max_ack_pending: 100,
  };
  await messaging.manager.consumers.add(messaging.streams.event, config);
}
