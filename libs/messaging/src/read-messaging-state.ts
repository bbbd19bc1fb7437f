import type { Messaging } from './connect.ts';

export interface MessagingState {
  roundTripSeconds: number;
  streams: { stream: 'event' | 'work' | 'parked'; messages: number; bytes: number }[];
  /** The durable consumers of one service. */
  consumers: { consumer: string; pending: number; ackPending: number; redelivered: number }[];
}

/** Figures of JetStream as the server gives them, for this namespace's streams and this service's consumers. */
export async function readMessagingState(messaging: Messaging, service: string): Promise<MessagingState> {
  const startedAt = performance.now();
  await messaging.check();
  const roundTripSeconds = (performance.now() - startedAt) / 1000;
  const streams: MessagingState['streams'] = [];
  const consumers: MessagingState['consumers'] = [];
  for (const [stream, name] of Object.entries(messaging.streams) as ['event' | 'work' | 'parked', string][]) {
    const { state } = await messaging.manager.streams.info(name);
    streams.push({ stream, messages: state.messages, bytes: state.bytes });
    if (stream === 'parked') continue;
    for await (const info of messaging.manager.consumers.list(name))
      if (info.name.startsWith(`${service}--`))
        consumers.push({
          consumer: info.name,
          pending: info.num_pending,
          ackPending: info.num_ack_pending,
          redelivered: info.num_redelivered,
        });
  }
  return { roundTripSeconds, streams, consumers };
}
