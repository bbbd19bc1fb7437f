import { type EventName, type EventPayload, encodeEvent, subjectOf } from '@florilegium/contracts';

/** An event as a message for the outbox: `addToOutbox(tx.kysely, [eventMessage('trainer.ensemble.trained', {…})])`. */
export function eventMessage<Name extends EventName>(
  name: Name,
  payload: EventPayload<Name>,
): { subject: string; payload: Uint8Array } {
  return { subject: subjectOf(name), payload: encodeEvent(name, payload) };
}
