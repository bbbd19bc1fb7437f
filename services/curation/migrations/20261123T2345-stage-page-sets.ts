import { type Kysely, sql } from 'kysely';

/** Pages of a set on their way here from catalog; a crash empties it, and the copy begins again. */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`
    create unlogged table page_set_stage (
      page_set_id uuid not null,
      page_id integer not null,
      item_id integer not null,
      primary key (page_set_id, page_id)
    )`.execute(kysely);
}
