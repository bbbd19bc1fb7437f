import { setTimeout as sleep } from 'node:timers/promises';
import { migrateSchema, openDb } from '@florilegium/db';
import { messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { connectMessaging } from '@florilegium/messaging';
import { ensureWorkConsumer } from '@florilegium/work';
import type { Migration } from 'kysely/migration';

export interface PrepareOptions {
  /** Names the schema, too. */
  service: string;
  config: { databaseUrl: string; natsUrl: string; natsNamespace: string; natsReplicas: number };
  migrations: Record<string, Migration>;
  /** The kinds of work that the service's workers pull. */
  workKinds: readonly string[];
  log: Log;
  /** How long PostgreSQL is waited for. */
  connectTimeoutMs?: number;
}

/**
 * Does once, before replicas start, what they would else do at their start: brings the schema up to date, makes the streams and the consumers
 * of work, so that an autoscaler finds them although no worker ever ran. Safe to run again and beside running services.
 */
export async function prepareService({
  service,
  config,
  migrations,
  workKinds,
  log,
  connectTimeoutMs = 120_000,
}: PrepareOptions): Promise<void> {
  const { databaseUrl: url, natsUrl, natsNamespace: namespace, natsReplicas: replicas } = config;
  // The job that runs this has a deadline of its own: a migration may take as long.
  const db = openDb({
    url,
    schema: service,
    applicationName: `${service}-prepare`,
    poolMax: 2,
    statementTimeoutMs: 0,
    log,
  });
  try {
    const deadline = Date.now() + connectTimeoutMs;
    for (;;) {
      try {
        await db.pool.query('select 1');
        break;
      } catch (error) {
        // It answers, and time will not change what it says.
        if (isRefusal(error) || Date.now() > deadline) throw error;
        log.info({ reason: messageOf(error) }, 'PostgreSQL does not answer yet');
        await sleep(1000);
      }
    }
    await migrateSchema(db, migrations);
    const messaging = await connectMessaging({ url: natsUrl, name: `${service}-prepare`, log, namespace, replicas });
    try {
      for (const kind of workKinds) await ensureWorkConsumer(messaging, { service, kind });
    } finally {
      await messaging.close();
    }
  } finally {
    await db.close();
  }
  log.info({ migrations: Object.keys(migrations).length, workKinds: workKinds.length }, 'prepared');
}

/** A wrong role or password (class 28), a database that is not there. https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && (/^28...$/.test(code) || code === '3D000');
}
