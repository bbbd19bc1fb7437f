export type { EventCodec, EventName, EventPayload } from './events.ts';
export { decodeEvent, encodeEvent, eventNameOf, events, subjectOf } from './events.ts';
export { descriptorSetBase64 } from './gen/descriptor-set.ts';
export { methodRoles } from './gen/roles.ts';
