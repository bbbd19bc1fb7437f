import type { OutboxTable } from '@florilegium/db';

/** Queries here are written as SQL, each with the type of its rows beside it in the repo; Kysely binds and runs them. */
export type Schema = OutboxTable;
