export type { HttpApp, HttpAppOptions } from './create-http-app.ts';
export { createHttpApp } from './create-http-app.ts';
export { addEntityTags } from './entity-tags.ts';
export { idempotencyKeyOf } from './idempotency-key.ts';
export type { FollowOptions, SentEvent } from './server-sent-events.ts';
export { followChanges, sendEvents } from './server-sent-events.ts';
