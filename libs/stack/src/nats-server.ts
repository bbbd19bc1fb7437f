import { accessSync, constants, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { freePort } from './free-port.ts';
import { type ExitStatus, type GuardedProcess, startGuarded } from './guarded-process.ts';
import type { ProcessIdentity } from './processes.ts';

export interface NatsOptions {
  /** Holds the configuration and, in `jetstream`, the streams; made when missing. */
  folder: string;
  logFile: string;
  log: (line: string) => void;
}

export interface RunningNats {
  url: string;
  identities: ProcessIdentity[];
  exited: Promise<ExitStatus>;
  stop(): Promise<void>;
}

const portAttemptsMax = 3;
const startTimeoutMs = 30_000;

/** Runs nats-server with JetStream on a free port of the loopback; resolves when a client can connect. */
export async function startNats(options: NatsOptions): Promise<RunningNats> {
  const command = findNatsServer();
  if (command === undefined) throw new Error('nats-server is missing; on Debian: apt-get install nats-server');
  const store = join(options.folder, 'jetstream');
  await mkdir(store, { recursive: true, mode: 0o700 });

  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const configFile = join(options.folder, 'nats-server.conf');
    await writeFile(configFile, natsConfig(port, store), { mode: 0o600 });
    const guarded = await startGuarded(
      { command, args: ['-c', configFile], cwd: options.folder, stopSignal: 'SIGTERM', stopTimeoutMs: 10_000 },
      options.logFile,
    );
    const url = `nats://127.0.0.1:${port}`;
    try {
      await waitUntilAnswering(url, guarded);
      return { url, identities: guarded.identities, exited: guarded.exited, stop: guarded.stop };
    } catch (error) {
      await guarded.stop();
      if (attempt === portAttemptsMax) {
        throw new Error(`nats-server did not start, see ${options.logFile}`, { cause: error });
      }
    }
  }
}

function natsConfig(port: number, store: string): string {
  return [
    `host: "127.0.0.1"`,
    `port: ${port}`,
    // Without bounds of its own JetStream takes a share of the machine's memory and disk.
    `jetstream { store_dir: ${JSON.stringify(store)}, max_memory_store: 64MB, max_file_store: 4GB }`,
    '',
  ].join('\n');
}

/** The folder where tools that no npm package ships are kept between runs: FLORILEGIUM_CACHE, or ~/.cache/florilegium. */
export function cacheFolder(): string {
  return process.env.FLORILEGIUM_CACHE || join(homedir(), '.cache', 'florilegium');
}

/** nats-server on the PATH, in the folders Debian keeps servers in (not on every user's PATH), beside node, or in the cache. */
export function findNatsServer(): string | undefined {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/opt/homebrew/bin',
    dirname(process.execPath),
    join(cacheFolder(), 'nats-server', 'usr', 'sbin'),
  ];
  return folders.map((folder) => join(folder, 'nats-server')).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

async function waitUntilAnswering(url: string, guarded: GuardedProcess): Promise<void> {
  const ended = guarded.exited.then(() => 'ended' as const);
  const deadline = Date.now() + startTimeoutMs;
  let lastError: unknown;
  while (Date.now() < deadline) {
    if ((await Promise.race([ended, sleep(30, 'waiting' as const)])) === 'ended') throw new Error('nats-server ended');
    try {
      const connection = await connect({ servers: url, timeout: 2_000, reconnect: false });
      await connection.close();
      return;
    } catch (error) {
      lastError = error;
    }
  }
  throw new Error(`nats-server did not answer within ${startTimeoutMs / 1000} s`, { cause: lastError });
}
