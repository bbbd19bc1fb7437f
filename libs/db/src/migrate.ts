import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@florilegium/log';
import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Db } from './open-db.ts';

/** `apply` brings the schema up to date; `wait` leaves that to somebody else and waits until it is. */
export type MigrationMode = 'apply' | 'wait';

export interface MigrateOptions {
  mode?: MigrationMode;
  waitTimeoutMs?: number;
  /** Hears what is waited for, whenever that changes. */
  log?: Log;
}

const lookAgainMs = 1000;

/**
 * Brings the service's schema to the newest migration, or waits until it is there; replicas that start together wait for each other's lock.
 * A schema that is newer than this program is served as it is: a rolled back program finds the columns it knows.
 * @param migrations by name, in the order of their names; merged ones are frozen
 * @throws Error naming the migration that failed, or those that did not come in time
 */
export async function migrateSchema<Schema>(
  db: Db<Schema>,
  migrations: Record<string, Migration>,
  { mode = 'apply', waitTimeoutMs = 270_000, log }: MigrateOptions = {},
): Promise<void> {
  if (mode === 'wait') return await waitForMigrations(db, Object.keys(migrations), waitTimeoutMs, log);
  const found = await sql`select 1 from information_schema.schemata where schema_name = ${db.schema}`.execute(
    db.kysely,
  );
  if (found.rows.length === 0) await createSchema(db);
  if (await isNewer(db, Object.keys(migrations))) return;
  const migrator = new Migrator({
    db: db.kysely,
    provider: { getMigrations: async () => migrations },
    migrationTableSchema: db.schema,
  });
  const { error, results } = await migrator.migrateToLatest();
  const failed = results?.find((result) => result.status === 'Error');
  if (error)
    throw new Error(
      `schema ${db.schema}: migration ${failed?.migrationName ?? ''} failed: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
}

/** PostgreSQL's `if not exists` looks before it creates and fails when another creates in between, so replicas take turns. */
async function createSchema<Schema>(db: Db<Schema>): Promise<void> {
  await db.kysely.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`create schema ${db.schema}`}, 0))`.execute(transaction);
    await sql`create schema if not exists ${sql.id(db.schema)}`.execute(transaction);
  });
}

/** Kysely refuses a schema that holds migrations which this program has not. */
async function isNewer<Schema>(db: Db<Schema>, names: readonly string[]): Promise<boolean> {
  const done = await migrationsDone(db);
  return names.every((name) => done.has(name)) && done.size > names.length;
}

async function migrationsDone<Schema>(db: Db<Schema>): Promise<Set<string>> {
  const table = await sql<{ there: boolean }>`
    select to_regclass(${`"${db.schema}".kysely_migration`}) is not null as there`.execute(db.kysely);
  if (!table.rows[0]?.there) return new Set();
  const { rows } = await sql<{ name: string }>`select name from ${sql.id(db.schema, 'kysely_migration')}`.execute(
    db.kysely,
  );
  return new Set(rows.map(({ name }) => name));
}

async function waitForMigrations<Schema>(
  db: Db<Schema>,
  names: readonly string[],
  timeoutMs: number,
  log: Log | undefined,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let told = '';
  for (;;) {
    let reason: string;
    try {
      const done = await migrationsDone(db);
      const missing = names.filter((name) => !done.has(name));
      if (missing.length === 0) return;
      reason = `migrations are missing: ${missing.join(', ')}`;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    if (Date.now() > deadline)
      throw new Error(`schema ${db.schema} was not ready within ${timeoutMs / 1000} s: ${reason}`);
    if (reason !== told) log?.info({ schema: db.schema, reason }, 'waiting for the schema');
    told = reason;
    await sleep(lookAgainMs);
  }
}
