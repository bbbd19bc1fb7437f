import { type EventName, subjectOf } from '@florilegium/contracts';
import type { Messaging } from './connect.ts';

export interface ParkedEvent {
  /** Its number in the stream of parked messages. */
  sequence: number;
  event: EventName;
  messageId: string;
  reason: string;
  payload: Uint8Array;
}

/** As consumeEvents writes it. */
interface ParkedMessage {
  event: EventName;
  messageId: string;
  reason: string;
  /** Base64. */
  payload: string;
}

/** What is parked, oldest first. */
export async function* listParked({ manager, streams }: Messaging): AsyncGenerator<ParkedEvent> {
  const { first_seq: first, last_seq: last } = (await manager.streams.info(streams.parked)).state;
  for (let sequence = first; sequence <= last; sequence++) {
    const message = await manager.streams.getMessage(streams.parked, { seq: sequence });
    // Those that were replayed are gone.
    if (message === null) continue;
    const { event, messageId, reason, payload } = message.json<ParkedMessage>();
    yield { sequence, event, messageId, reason, payload: Buffer.from(payload, 'base64') };
  }
}

/**
 * Publishes parked events again and takes them out of the stream of parked messages. All services that listen hear them, which changes nothing for
 * those that had handled them: twice equals once. What fails again is parked again.
 */
export async function replayParked(
  messaging: Messaging,
  isWanted: (parked: ParkedEvent) => boolean = () => true,
): Promise<ParkedEvent[]> {
  const replayed: ParkedEvent[] = [];
  for await (const parked of listParked(messaging)) {
    if (!isWanted(parked)) continue;
    // Under another id: the stream may remember the old one and would drop it.
    await messaging.publish(subjectOf(parked.event), parked.payload, `replay-${parked.sequence}-${parked.messageId}`);
    await messaging.manager.streams.deleteMessage(messaging.streams.parked, parked.sequence);
    replayed.push(parked);
  }
  return replayed;
}
