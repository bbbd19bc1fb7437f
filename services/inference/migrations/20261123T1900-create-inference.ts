import { createOutboxTable } from '@florilegium/db';
import { createWorkTable } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await createOutboxTable(db);
  await createWorkTable(db);

  await sql`
    create table backbone (
      id smallint generated always as identity primary key,
      name text not null,
      sha256 text not null unique,
      dimensions integer not null,
      created_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table shard (
      id bigint generated always as identity primary key,
      backbone_id smallint not null references backbone,
      key text not null unique,
      row_count integer not null,
      bytes bigint not null,
      created_at timestamptz not null default now()
    )`.execute(db);
  // What a work batch embeds is what points to it in `embedding`, at most 500 pages; the row goes when the batch has ended.
  await sql`
    create table embedding_batch (
      id uuid primary key,
      backbone_id smallint not null references backbone,
      created_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table embedding (
      backbone_id smallint not null references backbone,
      page_id integer not null,
      image_sha256 text not null,
      state text not null check (state in ('pending', 'embedded', 'corrupt', 'gone')),
      batch_id uuid,
      shard_id bigint references shard,
      row integer,
      reason text,
      primary key (backbone_id, page_id),
      check ((state = 'embedded') = (shard_id is not null and row is not null))
    )`.execute(db);
  await sql`create index embedding_of_batch on embedding (batch_id) where state = 'pending'`.execute(db);
  await sql`create index embedding_of_shard on embedding (shard_id)`.execute(db);

  await sql`
    create table ensemble (
      id uuid primary key,
      training_id uuid,
      label_set_id uuid,
      iteration_id uuid,
      manifest_key text not null,
      manifest_sha256 text not null,
      backbone_name text not null,
      backbone_sha256 text not null,
      member_count integer not null,
      temperature double precision not null,
      recorded_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table prediction_run (
      id uuid primary key,
      number integer generated always as identity unique,
      ensemble_id uuid not null references ensemble,
      page_set_id text,
      rule text,
      state text not null default 'pending' check (state in ('pending', 'running', 'done', 'failed', 'cancelled')),
      reason text not null default '',
      idempotency_key text,
      done_count bigint not null default 0,
      total_count bigint not null default 0,
      predicted_count bigint not null default 0,
      no_image_count bigint not null default 0,
      created_at timestamptz not null default now(),
      started_at timestamptz,
      ended_at timestamptz,
      check ((page_set_id is null) <> (rule is null))
    )`.execute(db);
  // One run for one question; a run that failed or was cancelled may be started anew, and one over a rule that is done: its candidates may have changed.
  await sql`
    create unique index prediction_run_question on prediction_run (ensemble_id, coalesce(page_set_id, ''), coalesce(rule, ''))
    where state in ('pending', 'running') or (state = 'done' and rule is null)`.execute(db);
  await sql`
    create unique index prediction_run_key on prediction_run (idempotency_key)
    where state in ('pending', 'running', 'done')`.execute(db);
  // The pages of each batch of a run, in ascending PageID; gone when the run has ended.
  await sql`
    create table prediction_batch (
      run_id uuid not null references prediction_run,
      number integer not null,
      page_ids integer[] not null,
      primary key (run_id, number)
    )`.execute(db);
  await sql`
    create table prediction (
      run_number integer not null,
      page_id integer not null,
      members real[] not null,
      mean real not null,
      entropy real not null,
      disagreement real not null,
      mutual_information real not null,
      primary key (run_number, page_id)
    )`.execute(db);
}
