import { type EventName, type EventPayload, encodeEvent, subjectOf } from '@florilegium/contracts';
import { invalidArgument } from '@florilegium/errors';

/** DESIGN.md section 3. Above a server's own limit (1 MiB unless it is told another) a message could never leave the outbox. */
const eventBytesMax = 65_536;

/**
 * An event as a message for the outbox: `addToOutbox(tx.kysely, [eventMessage('trainer.ensemble.trained', {…})])`.
 * @throws invalid_argument when it is longer than events may be; in the transaction of a request, that refuses the request
 */
export function eventMessage<Name extends EventName>(
  name: Name,
  payload: EventPayload<Name>,
): { subject: string; payload: Uint8Array } {
  const encoded = encodeEvent(name, payload);
  if (encoded.byteLength > eventBytesMax)
    throw invalidArgument(`${name} would take ${encoded.byteLength} bytes; an event may take ${eventBytesMax}`);
  return { subject: subjectOf(name), payload: encoded };
}
