import { createOutboxTable } from '@florilegium/db';
import { createWorkTable } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await createOutboxTable(kysely);
  await createWorkTable(kysely);
  const run = (text: string) => sql.raw(text).execute(kysely);

  // Who is in which set: a copy of what catalog drew, which never changes, so that a label is judged without asking catalog.
  await run(`
    create table page_set (
      name text primary key check (name in ('heldout', 'stop', 'train', 'unlabelled')),
      id uuid not null unique,
      rule text not null,
      seed bigint not null,
      page_count integer not null
    )`);
  await run(`
    create table page (
      page_id integer primary key,
      item_id integer not null,
      page_set text not null references page_set (name)
    )`);
  await run('create index page_by_set on page (page_set, page_id)');

  // Rows below that say so are written once: the trigger makes a program's error an error and not a lost label.
  await run(`
    create function refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception '% is append-only', tg_table_name;
    end $$`);
  const appendOnly = (table: string) =>
    run(`create trigger append_only before update or delete on ${table} for each row execute function refuse_change()`);

  await run(`
    create table label_event (
      id bigint generated always as identity primary key,
      page_id integer not null,
      kind text not null check (kind in ('label', 'undo')),
      label text check (label in ('HQ', 'LQ', 'NOT_SURE')),
      undoes bigint unique references label_event (id),
      by text not null,
      at timestamptz not null default now(),
      queue text,
      iteration integer,
      took_ms integer,
      check ((kind = 'label') = (label is not null)),
      check ((kind = 'undo') = (undoes is not null))
    )`);
  await run('create index label_event_by_page on label_event (page_id, id)');
  await appendOnly('label_event');
  await run(`
    create view standing_label_event as
      select event.* from label_event event
      where event.kind = 'label' and not exists (select 1 from label_event undo where undo.undoes = event.id)`);
  await run(`
    create view current_label as
      select event.id, event.page_id, event.label, event.by, event.at, event.queue
      from standing_label_event event
      where not exists (
        select 1 from standing_label_event later where later.page_id = event.page_id and later.id > event.id)`);
  await run(`
    create table label_request (
      by text not null,
      key text not null,
      result jsonb not null,
      at timestamptz not null default now(),
      primary key (by, key)
    )`);

  await run(`
    create table label_set (
      id uuid primary key,
      iteration_number integer not null unique,
      sha256 text not null,
      hq_count integer not null,
      lq_count integer not null,
      not_sure_count integer not null,
      last_event_id bigint not null,
      created_at timestamptz not null default now()
    )`);
  await appendOnly('label_set');
  await run(`
    create table label_set_label (
      label_set_id uuid not null references label_set (id),
      page_id integer not null,
      label text not null check (label in ('HQ', 'LQ', 'NOT_SURE')),
      primary key (label_set_id, page_id)
    )`);
  await appendOnly('label_set_label');

  await run(`
    create table iteration (
      id uuid primary key,
      number integer not null unique,
      state text not null check (state in
        ('draft', 'frozen', 'training', 'predicting', 'review', 'closed', 'failed', 'cancelled')),
      reason text,
      failed_in text,
      started_by text not null,
      idempotency_key text unique,
      method text not null,
      parameters jsonb not null,
      triage_rule jsonb not null,
      label_set_id uuid references label_set (id),
      parent_ensemble_id uuid,
      ensemble_id uuid unique,
      manifest_sha256 text,
      backbone_name text,
      out_of_fold_key text,
      out_of_fold_sha256 text,
      out_of_fold_scores jsonb,
      scores_imported boolean not null default false,
      entropy_threshold real,
      triage_counts jsonb,
      curves jsonb,
      verdict jsonb,
      created_at timestamptz not null default now(),
      ended_at timestamptz
    )`);
  // The database itself allows one unfinished iteration, whatever two starts at once believe.
  await run(`
    create unique index iteration_one_unfinished on iteration ((true))
    where state in ('draft', 'frozen', 'training', 'predicting', 'failed')`);
  await run(`
    create table iteration_move (
      iteration_id uuid not null references iteration (id),
      place bigint generated always as identity,
      state text not null,
      reason text,
      at timestamptz not null default now(),
      primary key (iteration_id, place)
    )`);
  await run(`
    create table iteration_run (
      iteration_id uuid not null references iteration (id),
      page_set text not null references page_set (name),
      run_id uuid,
      state text not null default 'waiting' check (state in ('waiting', 'started', 'completed', 'collected')),
      predicted_count integer,
      no_image_count integer,
      mean_entropy double precision,
      mean_disagreement double precision,
      hq_share double precision,
      primary key (iteration_id, page_set)
    )`);
  await run(`
    create table out_of_fold (
      iteration_id uuid not null references iteration (id),
      page_id integer not null,
      members real[] not null,
      primary key (iteration_id, page_id)
    )`);
  await run(`
    create table prediction (
      iteration_id uuid not null references iteration (id),
      page_id integer not null,
      members real[] not null,
      mean real not null,
      entropy real not null,
      disagreement real not null,
      mutual_information real not null,
      primary key (iteration_id, page_id)
    )`);
  await run(`
    create table triage (
      iteration_id uuid not null references iteration (id),
      page_id integer not null,
      item_id integer not null,
      triage_class text not null,
      queue text check (queue in ('review', 'notsure', 'misprediction', 'uncertain')),
      place integer,
      reason text not null,
      chosen_by text check (chosen_by in ('worth', 'random')),
      worth real not null,
      ensemble_label text not null check (ensemble_label in ('HQ', 'LQ')),
      label text,
      primary key (iteration_id, page_id)
    )`);
  await run('create index triage_by_queue on triage (iteration_id, queue, place) where queue is not null');

  await run(`
    create table hq_list (
      id uuid primary key,
      version integer not null unique,
      state text not null check (state in ('predicting', 'auditing', 'published', 'withdrawn', 'failed')),
      reason text,
      started_by text not null,
      idempotency_key text unique,
      rule text not null,
      threshold double precision not null,
      audit_count integer not null,
      iteration_number integer not null,
      ensemble_id uuid not null,
      model_sha256 text not null,
      label_set_id uuid not null,
      label_set_sha256 text not null,
      seed text not null,
      run_id uuid,
      no_image_count integer,
      candidate_count integer,
      candidates_sha256 text,
      page_count integer,
      pages_sha256 text,
      labelled_hq_count integer,
      not_sure_count integer,
      figures jsonb,
      created_at timestamptz not null default now(),
      frozen_at timestamptz,
      published_at timestamptz
    )`);
  await run(`
    create unique index hq_list_one_unfinished on hq_list ((true)) where state in ('predicting', 'auditing')`);
  await run(`
    create table hq_list_page (
      hq_list_id uuid not null references hq_list (id),
      page_id integer not null,
      probability real not null,
      chosen_by text not null check (chosen_by in ('label', 'score')),
      primary key (hq_list_id, page_id)
    )`);
  await appendOnly('hq_list_page');
  // Scores on their way into a list; a crash empties it, and the work that fills it begins again.
  await run(`
    create unlogged table hq_list_score (
      hq_list_id uuid not null,
      page_id integer not null,
      probability real not null,
      primary key (hq_list_id, page_id)
    )`);
  await run(`
    create table audit_stratum (
      hq_list_id uuid not null references hq_list (id),
      number integer not null,
      listed boolean not null,
      low double precision not null,
      high double precision not null,
      page_count integer not null,
      primary key (hq_list_id, number)
    )`);
  await run(`
    create table audit_page (
      hq_list_id uuid not null references hq_list (id),
      page_id integer not null,
      stratum integer not null,
      place integer not null,
      label text check (label in ('HQ', 'LQ', 'NOT_SURE')),
      primary key (hq_list_id, page_id)
    )`);
  await run('create index audit_page_by_page on audit_page (page_id)');
}
