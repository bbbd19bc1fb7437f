import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const idsAndCounts: Migration = {
  up: async (kysely: Kysely<unknown>) => {
    // Ids that a caller streamed, until the run's pages are listed. They come before the run does, so nothing refers to it.
    await sql`
      create table fetch_id (
        run_id uuid not null,
        page_id integer not null,
        primary key (run_id, page_id)
      )`.execute(kysely);
    await sql`
      alter table fetch_run
        drop constraint fetch_run_check,
        add column ids_sha256 text,
        add column id_count bigint not null default 0,
        add constraint fetch_run_check check (num_nonnulls(page_set_id, rule, page_ids, ids_sha256) = 1),
        add column retry_at_count bigint not null default 0,
        add column missing_count bigint not null default 0,
        add column placeholder_count bigint not null default 0,
        add column corrupt_count bigint not null default 0,
        add column blocked_count bigint not null default 0`.execute(kysely);
    await sql`
      update fetch_run run
      set retry_at_count = page.retry_at, missing_count = page.missing, placeholder_count = page.placeholder,
        corrupt_count = page.corrupt, blocked_count = page.blocked
      from (
        select run_id, count(*) filter (where state = 'retry_at') as retry_at,
          count(*) filter (where state = 'missing') as missing, count(*) filter (where state = 'placeholder') as placeholder,
          count(*) filter (where state = 'corrupt') as corrupt, count(*) filter (where state = 'blocked') as blocked
        from fetch_page group by run_id
      ) page
      where page.run_id = run.id`.execute(kysely);
    // Runs on demand that have ended are cleared.
    await sql`create index fetch_run_on_demand on fetch_run (ended_at) where on_demand`.execute(kysely);
  },
};
