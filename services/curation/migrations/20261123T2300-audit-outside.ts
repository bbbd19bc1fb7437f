import { type Kysely, sql } from 'kysely';

/** An audit also looks at pages that no rule keeps: how many it shall look at, and the stratum that they are. */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`alter table hq_list add column outside_count integer not null default 0`.execute(kysely);
  await sql`alter table audit_stratum add column outside boolean not null default false`.execute(kysely);
}
