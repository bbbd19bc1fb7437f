import { createOutboxTable } from '@florilegium/db';
import { createWorkTable } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';

export const createTrainer = {
  up: async (kysely: Kysely<unknown>): Promise<void> => {
    await createOutboxTable(kysely);
    await createWorkTable(kysely);
    await sql`
      create table training (
        id uuid primary key,
        request_key text unique,
        label_set_id text not null,
        iteration_id text,
        method text not null,
        parameters jsonb not null,
        parameters_sha256 text not null,
        parent_ensemble_id text,
        member_count integer not null,
        state text not null default 'pending' check (state in ('pending', 'running', 'done', 'failed', 'cancelled')),
        phase text not null default 'prepare' check (phase in ('prepare', 'members', 'finish')),
        reason text,
        label_set_sha256 text,
        page_count integer,
        dropped_page_count integer not null default 0,
        dataset_key text,
        dataset_sha256 text,
        backbone_name text,
        backbone_sha256 text,
        tensorflow_backend text,
        l2 double precision,
        l2_tried jsonb,
        ensemble_id uuid not null unique,
        manifest_key text,
        manifest_sha256 text,
        out_of_fold_key text,
        out_of_fold_sha256 text,
        temperature double precision,
        scores jsonb,
        created_at timestamptz not null default now(),
        started_at timestamptz,
        ended_at timestamptz
      )`.execute(kysely);
    // One training that counts; what failed or was cancelled may be asked for again.
    await sql`
      create unique index training_wanted_once on training (label_set_id, method, parameters_sha256)
      where state in ('pending', 'running', 'done')`.execute(kysely);
    await sql`create index training_iteration on training (iteration_id) where iteration_id is not null`.execute(
      kysely,
    );
    await sql`
      create table training_member (
        training_id uuid not null references training (id),
        number integer not null,
        weights_key text not null,
        weights_sha256 text not null,
        logits_key text not null,
        logits_sha256 text not null,
        loss double precision not null,
        epochs integer not null,
        converged boolean not null,
        warm_started boolean not null,
        seconds double precision not null,
        tensorflow_backend text not null,
        attempt integer not null,
        primary key (training_id, number)
      )`.execute(kysely);
    await sql`
      create table training_epoch (
        training_id uuid not null references training (id),
        member integer not null,
        epoch integer not null,
        loss double precision not null,
        serial bigint generated always as identity,
        primary key (training_id, member, epoch)
      )`.execute(kysely);
    // A cancellation may overtake the event that its iteration's labels were frozen.
    await sql`
      create table cancelled_iteration (
        iteration_id text primary key,
        created_at timestamptz not null default now()
      )`.execute(kysely);
  },
};
