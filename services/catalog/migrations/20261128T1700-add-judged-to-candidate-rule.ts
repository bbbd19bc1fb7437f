import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  // Only a rule whose candidates are those of the newest import is judged; page sets keep the rows of the others.
  await sql`alter table candidate_rule add column judged boolean not null default false`.execute(kysely);
  // The newest version of a name is, where the newest import judged it or a start has judged it since.
  await sql`
    update candidate_rule set judged = true
    from (select ended_at, candidate_counts from import where state = 'done' order by ended_at desc limit 1) newest
    where id in (select max(id) from candidate_rule group by name)
      and (newest.candidate_counts ? name or candidate_rule.created_at > newest.ended_at)`.execute(kysely);
  await sql`delete from candidate where rule_id in (select id from candidate_rule where not judged)`.execute(kysely);
}
