import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Db } from './open-db.ts';

/**
 * Brings the service's schema to the newest migration; replicas that start together wait for each other's lock.
 * @param migrations by name, in the order of their names; merged ones are frozen
 * @throws Error naming the migration that failed
 */
export async function migrateSchema<Schema>(db: Db<Schema>, migrations: Record<string, Migration>): Promise<void> {
  const found = await sql`select 1 from information_schema.schemata where schema_name = ${db.schema}`.execute(
    db.kysely,
  );
  if (found.rows.length === 0) await sql`create schema if not exists ${sql.id(db.schema)}`.execute(db.kysely);
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
