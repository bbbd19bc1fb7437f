export type { Messaging, MessagingOptions } from './connect.ts';
export { connectMessaging, requestIdHeader } from './connect.ts';
export type { ConsumeOptions, Consumption, EventHandlers, EventMeta } from './consume-events.ts';
export { consumeEvents } from './consume-events.ts';
export { eventMessage } from './events.ts';
export type { NatsAddress } from './nats-address.ts';
export { parseNatsAddress } from './nats-address.ts';
export type { MessagingState } from './read-messaging-state.ts';
export { readMessagingState } from './read-messaging-state.ts';
