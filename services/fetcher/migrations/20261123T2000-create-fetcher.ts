import { createOutboxTable } from '@florilegium/db';
import { createWorkTable } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createFetcher: Migration = {
  up: async (kysely: Kysely<unknown>) => {
    await createOutboxTable(kysely);
    await createWorkTable(kysely);
    await sql`
      create table fetch_run (
        id uuid primary key,
        idempotency_key text unique,
        state text not null default 'pending' check (state in ('pending', 'running', 'done', 'failed', 'cancelled')),
        reason text,
        size text not null,
        page_set_id text,
        rule text,
        page_ids integer[],
        start_index bigint not null default 0,
        max_count bigint not null default 0,
        listed_after integer not null default 0,
        skipped_count bigint not null default 0,
        listed_count bigint not null default 0,
        is_listed boolean not null default false,
        next_batch integer not null default 0,
        stored_count bigint not null default 0,
        failed_count bigint not null default 0,
        fetched_count bigint not null default 0,
        bytes bigint not null default 0,
        created_at timestamptz not null default now(),
        started_at timestamptz,
        ended_at timestamptz,
        check (num_nonnulls(page_set_id, rule, page_ids) = 1)
      )`.execute(kysely);
    await sql`
      create table fetch_page (
        run_id uuid not null references fetch_run,
        page_id integer not null,
        batch_number integer not null,
        bar_code text not null,
        sequence integer not null,
        state text not null default 'pending'
          check (state in ('pending', 'retry_at', 'stored', 'missing', 'placeholder', 'corrupt', 'blocked')),
        faults integer not null default 0,
        waits integer not null default 0,
        retry_at timestamptz,
        detail text not null default '',
        primary key (run_id, page_id)
      )`.execute(kysely);
    await sql`create index fetch_page_batch on fetch_page (run_id, batch_number)`.execute(kysely);
    await sql`create index fetch_page_open on fetch_page (page_id) where state in ('pending', 'retry_at')`.execute(
      kysely,
    );
    // One row for each page and size that a run has ended with, whatever the end was.
    await sql`
      create table image (
        page_id integer not null,
        size text not null,
        state text not null check (state in ('retry_at', 'stored', 'missing', 'placeholder', 'corrupt', 'blocked')),
        detail text not null default '',
        sha256 text,
        format text,
        width integer,
        height integer,
        bytes integer,
        source text,
        fetched_at timestamptz,
        rejected_sha256 text,
        primary key (page_id, size),
        check (state <> 'stored' or num_nulls(sha256, format, width, height, bytes, source, fetched_at) = 0)
      )`.execute(kysely);
    // Politeness outlives no crash of the database and need not: unlogged, so that taking a slot waits for no disk.
    await sql`
      create unlogged table host_slot (
        host text primary key,
        next_at timestamptz not null
      )`.execute(kysely);
    await sql`
      create unlogged table host_visitor (
        host text not null,
        visitor text not null,
        seen_at timestamptz not null,
        primary key (host, visitor)
      )`.execute(kysely);
  },
};
