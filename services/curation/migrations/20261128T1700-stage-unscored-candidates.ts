import { type Kysely, sql } from 'kysely';

/** Candidates without a score are staged beside the scored ones: a person's label may list them all the same. */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table hq_list_score alter probability drop not null').execute(kysely);
}
