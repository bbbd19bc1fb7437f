import { createTestDatabase, migrateSchema, openDb } from '@florilegium/db';
import { type Log, silentLog } from '@florilegium/log';
import { prepareService } from '@florilegium/service';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { expect, inject, it, onTestFinished } from 'vitest';

const prepare = (databaseUrl: string, migrations = {}) =>
  prepareService({
    service: 'prepared',
    config: { databaseUrl, natsUrl: inject('natsUrl'), natsNamespace: `prepared-${process.pid}`, natsReplicas: 1 },
    migrations,
    workKinds: ['import'],
    log: silentLog,
  });

async function aDatabase() {
  const database = await createTestDatabase(inject('databaseUrl'));
  onTestFinished(() => database.drop());
  return database;
}

it('says at once that a database or a role is not there', async () => {
  const { url } = await aDatabase();
  const otherDatabase = new URL(url);
  otherDatabase.pathname = '/no-such-database';
  await expect(prepare(otherDatabase.href)).rejects.toMatchObject({ code: '3D000' });
  const otherRole = new URL(url);
  otherRole.username = 'no-such-role';
  await expect(prepare(otherRole.href)).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });
}, 10_000);

it('gives a migration as long as its job has', async () => {
  const { url } = await aDatabase();
  let limit: string | undefined;
  const slow: Migration = {
    up: async (kysely) => {
      const { rows } = await sql<{ statement_timeout: string }>`show statement_timeout`.execute(kysely);
      limit = rows[0]!.statement_timeout;
    },
  };
  await prepare(url, { '1': slow });
  expect(limit).toBe('0');
});

it('says what a waiting service waits for, once', async () => {
  const { url } = await aDatabase();
  const db = openDb({ url, schema: 'waiting' });
  onTestFinished(() => db.close());
  const told: unknown[] = [];
  const log = { info: (fields: object) => void told.push(fields) } as unknown as Log;
  const migrations = { '1': { up: async () => {} } };
  const options = { mode: 'wait', waitTimeoutMs: 2500, log } as const;
  await expect(migrateSchema(db, migrations, options)).rejects.toThrow('migrations are missing: 1');
  expect(told).toEqual([{ schema: 'waiting', reason: 'migrations are missing: 1' }]);
});
