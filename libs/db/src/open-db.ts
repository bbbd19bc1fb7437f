import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Log } from '@florilegium/log';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { setQueryDeadline } from './query-deadline.ts';

export interface DbOptions {
  /** postgres://user:password@host:port/database; never logged. */
  url: string;
  /** The service's schema: becomes the search_path of every connection. */
  schema: string;
  applicationName?: string;
  poolMax?: number;
  connectTimeoutMs?: number;
  /** Longest single statement; 0 for no limit (an import's merge). */
  statementTimeoutMs?: number;
  /** So much longer than that a server may be silent before its connection is given up; no such limit where statements have none. */
  answerGraceMs?: number;
  log?: Log;
}

/** One transaction: a Kysely on its connection, and COPY on the same connection. */
export interface Tx<Schema> {
  kysely: Kysely<Schema>;
  /**
   * Runs `COPY … FROM STDIN` with the chunks as its input; chunks are in COPY's own text or csv form, UTF-8.
   * @returns the number of rows copied
   */
  copyIn(sql: string, chunks: AsyncIterable<Buffer | string> | Iterable<Buffer | string>): Promise<number>;
}

export interface Db<Schema> {
  kysely: Kysely<Schema>;
  pool: pg.Pool;
  schema: string;
  /** Runs `work` in one transaction on one connection; commits when it resolves, rolls back when it throws. */
  inTransaction<Result>(work: (tx: Tx<Schema>) => Promise<Result>): Promise<Result>;
  /** `COPY … TO STDOUT` as a stream of chunks. */
  copyOut(sql: string): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

// int8 and numeric-free counts fit a double up to 2^53; PageIDs and row counts never come near it.
const int8 = 20;
const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8 && format !== 'binary'
      ? (text: string) => Number(text)
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

export function openDb<Schema>({
  url,
  schema,
  applicationName = schema,
  poolMax = 10,
  connectTimeoutMs = 10_000,
  statementTimeoutMs = 300_000,
  answerGraceMs = 10_000,
  log,
}: DbOptions): Db<Schema> {
  const pool = new pg.Pool({
    connectionString: url,
    options: `-c search_path=${schema} -c timezone=UTC`,
    application_name: applicationName,
    max: poolMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
    types,
  });
  // Without listeners a connection that breaks (PostgreSQL restarted) would end the process. The pool listens to idle ones
  // alone; one that is in use, between two statements, tells only its own listeners.
  pool.on('error', (error) => log?.warn({ reason: error.message }, 'idle database connection lost'));
  pool.on('connect', (client) => {
    client.on('error', () => {});
    if (statementTimeoutMs > 0) setQueryDeadline(client, statementTimeoutMs + answerGraceMs);
  });
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return {
    kysely,
    pool,
    schema,
    inTransaction: (work) => inTransaction(pool, work),
    copyOut: (sql) => copyOut(pool, sql),
    close: () => kysely.destroy(),
  };
}

async function inTransaction<Schema, Result>(
  pool: pg.Pool,
  work: (tx: Tx<Schema>) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work({
      kysely: kyselyOn<Schema>(client),
      copyIn: (sql, chunks) => copyIn(client, sql, chunks),
    });
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // The first error is the one to tell; a rollback that fails means that the connection is gone, which rolls back too.
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** Kysely bound to a single connection, which stays open: the transaction is ours, not Kysely's. */
function kyselyOn<Schema>(client: pg.PoolClient): Kysely<Schema> {
  const connection = { query: client.query.bind(client), release: () => {} };
  const pool = { connect: async () => connection, end: async () => {} };
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: pool as unknown as pg.Pool }) });
}

async function copyIn(
  client: pg.PoolClient,
  sql: string,
  chunks: AsyncIterable<Buffer | string> | Iterable<Buffer | string>,
): Promise<number> {
  const target = client.query(copyFrom(sql));
  // So much may wait for PostgreSQL: chunks are made while it works on those before.
  await pipeline(Readable.from(chunks, { objectMode: false, highWaterMark: 1 << 18 }), target);
  return target.rowCount;
}

async function* copyOut(pool: pg.Pool, sql: string): AsyncGenerator<Buffer> {
  const client = await pool.connect();
  let finished = false;
  try {
    const source = client.query(copyTo(sql));
    for await (const chunk of source) yield chunk as Buffer;
    finished = true;
  } finally {
    // A reader that stopped early leaves the connection in the middle of COPY: drop it.
    client.release(!finished);
  }
}

/** Escapes a value for COPY's text form. https://www.postgresql.org/docs/current/sql-copy.html, section File Formats. */
export function copyText(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return '\\N';
  if (typeof value !== 'string') return String(value);
  return /[\\\t\n\r]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
    : value;
}
