import { type Kysely, sql } from 'kysely';

/** A list that is still being made can be given up: it never was one that could be withdrawn. */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql
    .raw(`
    alter table hq_list
      drop constraint hq_list_state_check,
      add constraint hq_list_state_check
        check (state in ('importing', 'predicting', 'auditing', 'published', 'withdrawn', 'failed', 'cancelled'))`)
    .execute(kysely);
}
