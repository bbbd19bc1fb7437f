import { type Kysely, sql } from 'kysely';

/** A person's no to a label that the ensemble proposed: it is not proposed again in that iteration. */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`
    create table refused_proposal (
      iteration_id uuid not null references iteration (id),
      page_id integer not null,
      by text not null,
      at timestamptz not null default now(),
      primary key (iteration_id, page_id)
    )`.execute(kysely);
}
