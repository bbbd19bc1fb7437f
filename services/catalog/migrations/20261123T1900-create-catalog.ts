import { createOutboxTable } from '@florilegium/db';
import { createWorkTable } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await createOutboxTable(kysely);
  await createWorkTable(kysely);
  await sql`
    create table import (
      id uuid primary key,
      source text not null,
      idempotency_key text unique,
      state text not null default 'pending' check (state in ('pending', 'running', 'done', 'failed', 'cancelled')),
      reason text,
      done_bytes bigint not null default 0,
      total_bytes bigint not null default 0,
      row_count bigint not null default 0,
      page_count bigint not null default 0,
      kept_page_count bigint not null default 0,
      bad_line_count bigint not null default 0,
      bad_lines jsonb not null default '[]',
      type_counts jsonb not null default '{}',
      candidate_counts jsonb not null default '{}',
      new_page_count bigint not null default 0,
      changed_page_count bigint not null default 0,
      vanished_page_count bigint not null default 0,
      created_at timestamptz not null default now(),
      started_at timestamptz,
      ended_at timestamptz
    )`.execute(kysely);
  await sql`
    create table item (
      item_id integer primary key,
      bar_code text not null,
      title_ids integer[] not null,
      volume text not null,
      year text not null,
      institution_name text not null,
      copyright_status text not null,
      rights_statement text not null,
      license_type text not null,
      rights_holder text not null
    )`.execute(kysely);
  await sql`
    create table title (
      title_id integer primary key,
      full_title text not null,
      short_title text not null,
      publication_details text not null,
      start_year text not null,
      end_year text not null,
      language_code text not null,
      author text not null,
      title_url text not null
    )`.execute(kysely);
  // kept_as: 'rule' has a picture-like type or a plate-like prefix, 'reservoir' was drawn from all others,
  // 'former' was one of both in an earlier export. rows: [prefix, number, type name] each, in the order of the file.
  await sql`
    create table page (
      page_id integer primary key,
      item_id integer,
      sequence integer,
      year text not null,
      volume text not null,
      issue text not null,
      rows jsonb not null,
      neighbour_ids integer[] not null,
      neighbour_sequences integer[] not null,
      kept_as text not null check (kept_as in ('rule', 'reservoir', 'former'))
    )`.execute(kysely);
  await sql`
    create table candidate_rule (
      id smallint generated always as identity primary key,
      name text not null,
      version integer not null,
      hash text not null,
      definition jsonb not null,
      created_at timestamptz not null default now(),
      unique (name, version)
    )`.execute(kysely);
  // Pages are never deleted, and only the merge of an import writes candidates: a foreign key on the page would cost a
  // look-up for each of millions of rows and find nothing. So it is in page_set_page.
  await sql`
    create table candidate (
      rule_id smallint not null,
      page_id integer not null,
      primary key (rule_id, page_id)
    )`.execute(kysely);
  await sql`
    create table page_set (
      id uuid primary key,
      name text not null unique,
      rule_id smallint not null references candidate_rule (id),
      parameters jsonb not null,
      page_count integer not null,
      item_count integer not null,
      created_at timestamptz not null default now()
    )`.execute(kysely);
  await sql`
    create table page_set_page (
      page_set_id uuid not null references page_set (id),
      page_id integer not null,
      primary key (page_set_id, page_id)
    )`.execute(kysely);
}
