import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const corruptRounds: Migration = {
  up: async (kysely: Kysely<unknown>) => {
    await sql`alter table fetch_page add column corrupt_rounds integer not null default 0`.execute(kysely);
  },
};
