import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { type GuardedProcess, startGuarded, type UserIdentity } from './guarded-process.ts';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.ts';
import { postgresUser, userMay } from './postgres-user.ts';
import { identityOf, signalProcess, waitUntilGone } from './processes.ts';
import type { RunningPart } from './supervise.ts';

export interface PostgresOptions {
  /** Holds the database in its subfolder `cluster`; made when missing. */
  folder: string;
  /** Of the superuser `postgres`; must stay the same for the same folder. */
  password: string;
  logFile: string;
  log: (line: string) => void;
  /** False gives up safety against a crash of the machine for speed: tests only. */
  durable?: boolean;
  /** A free one when not given. */
  port?: number;
  /** Who runs it when we are root; the user `postgres` when not given. */
  user?: UserIdentity;
}

export interface RunningPostgres extends RunningPart {
  /** Of the superuser, database `postgres`. */
  adminUrl: string;
}

const portAttemptsMax = 3;
const startTimeoutMs = 60_000;

/** Runs the embedded PostgreSQL on the loopback; resolves when it answers a query. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const user = options.user ?? postgresUser(options.log);
  const binaries = await postgresBinaries(user, options.log);
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(options.folder, user.uid, user.gid);
  if (!userMay(user, 'write', options.folder)) {
    throw new Error(`PostgreSQL's user may not write ${options.folder}`);
  }
  const cluster = join(options.folder, 'cluster');
  await makeCluster(cluster, binaries, user, options);
  await stopStale(cluster, options.log);

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const guarded = await startGuarded(
      {
        command: binaries.postgres,
        args: ['-D', cluster, '-p', String(port), ...settings(options.durable ?? true)],
        cwd: cluster,
        // Fast shutdown: sessions are ended, a checkpoint is written.
        stopSignal: 'SIGINT',
        stopTimeoutMs: 20_000,
        ...(user === undefined ? {} : { identity: user }),
      },
      options.logFile,
    );
    const adminUrl = `postgresql://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${port}/postgres`;
    try {
      await waitUntilAnswering(adminUrl, guarded);
      return { adminUrl, identities: guarded.identities, exited: guarded.exited, stop: guarded.stop };
    } catch (error) {
      await guarded.stop();
      // The free port may have been taken in between; anything else fails the same way again, and soon.
      if (options.port !== undefined || attempt === portAttemptsMax) {
        throw new Error(`PostgreSQL did not start, see ${options.logFile}`, { cause: error });
      }
    }
  }
}

function settings(durable: boolean): string[] {
  const values: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // Five services with their pools, the test files of two workers, and room for a person with psql.
    max_connections: '200',
    shared_buffers: '128MB',
    // synchronous_commit stays on: without it a killed server, not only a crashed machine, would lose commits.
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** initdb into a neighbour, then renamed: a killed initdb leaves no half database behind that would look whole. */
async function makeCluster(
  cluster: string,
  binaries: PostgresBinaries,
  user: UserIdentity | undefined,
  options: PostgresOptions,
): Promise<void> {
  if (await stat(join(cluster, 'PG_VERSION')).catch(() => undefined)) return;
  const partial = `${cluster}.partial`;
  await rm(partial, { recursive: true, force: true });
  const passwordFile = join(options.folder, `password.${randomUUID()}`);
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
  try {
    const initdb = spawn(
      binaries.initdb,
      [
        `--pgdata=${partial}`,
        '--username=postgres',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--no-locale',
        ...(options.durable === false ? ['--no-sync'] : []),
      ],
      { cwd: options.folder, stdio: ['ignore', 'ignore', 'pipe'], ...user },
    );
    let complaint = '';
    initdb.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-2_000);
    });
    const [code] = await once(initdb, 'close');
    if (code !== 0) throw new Error(`initdb failed (status ${code}): ${complaint.trim()}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(partial, cluster);
  await chmod(cluster, 0o700);
}

/** A postmaster of this cluster that outlived its stack (its guard was killed too) would refuse the start: it is ended first. */
async function stopStale(cluster: string, log: (line: string) => void): Promise<void> {
  const pidFile = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pidLine, folderLine] = pidFile.split('\n');
  const pid = Number(pidLine);
  const stale = Number.isInteger(pid) && pid > 0 && folderLine === cluster ? identityOf(pid) : undefined;
  if (stale === undefined || !isPostgres(await commandOf(pid))) return;
  log('a PostgreSQL of an earlier run still has this folder, ending it');
  signalProcess(stale, 'SIGINT');
  if (await waitUntilGone(stale, 20_000)) return;
  signalProcess(stale, 'SIGQUIT');
  if (!(await waitUntilGone(stale, 5_000))) throw new Error(`the PostgreSQL with pid ${pid} does not end`);
}

/** The pid in the file may belong to a stranger after a reboot. */
function isPostgres(command: string | undefined): boolean {
  return command === undefined || command.includes('postgres');
}

async function commandOf(pid: number): Promise<string | undefined> {
  return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
}

async function waitUntilAnswering(url: string, guarded: GuardedProcess): Promise<void> {
  const ended = guarded.exited.then(() => 'ended' as const);
  const deadline = Date.now() + startTimeoutMs;
  let lastError: unknown;
  while (Date.now() < deadline) {
    if ((await Promise.race([ended, sleep(50, 'waiting' as const)])) === 'ended') throw new Error('PostgreSQL ended');
    try {
      await pingPostgres(url);
      return;
    } catch (error) {
      lastError = error;
    }
  }
  throw new Error(`PostgreSQL did not answer within ${startTimeoutMs / 1000} s`, { cause: lastError });
}

/** Resolves when the server at the address answers a query; rejects at once when not. */
export async function pingPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end().catch(() => {});
  }
}
