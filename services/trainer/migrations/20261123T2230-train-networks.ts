import { type Kysely, sql } from 'kysely';

export const trainNetworks = {
  up: async (kysely: Kysely<unknown>): Promise<void> => {
    await sql`
      alter table training
        add column images_key text,
        add column images_sha256 text,
        add column dropped_pages jsonb not null default '[]'`.execute(kysely);
    await sql`alter table training_member add column resumed_at_step integer not null default 0`.execute(kysely);
    await sql`alter table training_epoch add column stop_loss double precision`.execute(kysely);
  },
};
