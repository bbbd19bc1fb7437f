import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const pauseAndDemand: Migration = {
  up: async (kysely: Kysely<unknown>) => {
    await sql`
      alter table fetch_run
        drop constraint fetch_run_state_check,
        add constraint fetch_run_state_check
          check (state in ('pending', 'running', 'paused', 'done', 'failed', 'cancelled')),
        add column paused_at timestamptz,
        add column paused_ms bigint not null default 0,
        add column in_flight_max integer,
        add column on_demand boolean not null default false`.execute(kysely);
    // Requests in flight that a process may have towards a host; those of all processes together keep to the host's limit.
    await sql`
      alter table host_visitor
        add column in_flight_max integer not null default 0,
        add column granted_at timestamptz not null default now()`.execute(kysely);
    // Whether an object is any page's image.
    await sql`create index image_sha256 on image (sha256) where state = 'stored'`.execute(kysely);
  },
};
