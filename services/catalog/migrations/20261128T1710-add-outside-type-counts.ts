import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  // Rows by page type of the pages that no rule keeps, beside type_counts, which are those of all rows.
  await sql`alter table import add column outside_type_counts jsonb not null default '{}'`.execute(kysely);
}
