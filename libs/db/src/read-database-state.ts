import { sql } from 'kysely';
import type { Db } from './open-db.ts';

export interface DatabaseState {
  bytes: number;
  connections: number;
  connectionsMax: number;
  committed: number;
  rolledBack: number;
  deadlocks: number;
  /** Share of blocks that were found in PostgreSQL's own cache, 0 to 1; 1 where nothing was read yet. */
  cacheHitShare: number;
  /** Messages of this service that wait to be published. */
  outboxMessages: number;
  outboxOldestSeconds: number;
}

/**
 * Figures of the database and of this service's outbox, which any role may read.
 * https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
 */
export async function readDatabaseState<Schema>(db: Db<Schema>): Promise<DatabaseState> {
  const { rows } = await sql<DatabaseState>`
    select pg_database_size(current_database()) as bytes, numbackends as connections,
      current_setting('max_connections')::int as "connectionsMax", xact_commit as committed, xact_rollback as "rolledBack", deadlocks,
      case when blks_hit + blks_read = 0 then 1 else blks_hit::float8 / (blks_hit + blks_read) end as "cacheHitShare",
      (select count(*) from ${sql.id(db.schema, 'outbox')}) as "outboxMessages",
      (select coalesce(extract(epoch from now() - min(created_at)), 0)::float8 from ${sql.id(db.schema, 'outbox')}) as "outboxOldestSeconds"
    from pg_stat_database where datname = current_database()`.execute(db.kysely);
  return rows[0]!;
}
