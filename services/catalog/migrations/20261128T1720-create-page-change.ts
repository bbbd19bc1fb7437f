import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  // What an import changed among the pages kept for their rows. One into an empty catalog, where all are new, writes none.
  await sql`
    create table page_change (
      import_id uuid not null,
      page_id integer not null,
      change text not null check (change in ('new', 'changed', 'vanished')),
      primary key (import_id, page_id)
    )`.execute(kysely);
}
