export { CopyRows } from './copy-rows.ts';
export { migrateSchema } from './migrate.ts';
export type { Db, DbOptions, Tx } from './open-db.ts';
export { copyText, openDb } from './open-db.ts';
export type { OutboxMessage, OutboxRelay, OutboxRelayOptions, OutboxTable } from './outbox.ts';
export { addToOutbox, createOutboxTable, startOutboxRelay } from './outbox.ts';
export type { TestDatabase } from './test-db.ts';
export { createTestDatabase } from './test-db.ts';
