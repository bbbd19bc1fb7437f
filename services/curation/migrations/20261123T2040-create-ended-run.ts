import { type Kysely, sql } from 'kysely';

/** Trainings and prediction runs whose bad end was heard: told once more, after a retry, it must not end the retry. */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`
    create table ended_run (
      run_id uuid primary key,
      at timestamptz not null default now()
    )`.execute(kysely);
}
