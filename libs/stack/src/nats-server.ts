import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from '@florilegium/errors';
import { parseNatsAddress } from '@florilegium/messaging';
import { connect } from '@nats-io/transport-node';
import { readStackConfig } from './config.ts';
import { freePort } from './free-port.ts';
import { type GuardedProcess, type GuardOrder, startGuarded } from './guarded-process.ts';
import { type NatsProgram, prepareNatsServer } from './prepare-nats-server.ts';
import { identityOf, signalProcess, waitUntilGone } from './processes.ts';
import type { RunningPart } from './supervise.ts';

export interface NatsOptions {
  /** Holds the configuration and, in `jetstream`, the streams; made when missing. */
  folder: string;
  logFile: string;
  log: (line: string) => void;
  /** A free one when not given. */
  port?: number;
}

export interface RunningNats extends RunningPart {
  url: string;
}

const portAttemptsMax = 3;
const startTimeoutMs = 30_000;

/** Runs nats-server with JetStream on the loopback; resolves when a client can connect. */
export async function startNats(options: NatsOptions): Promise<RunningNats> {
  const program = await prepareNatsServer(readStackConfig(), options.log);
  await mkdir(join(options.folder, 'jetstream'), { recursive: true, mode: 0o700 });
  await stopStale(join(options.folder, 'nats-server.pid'));

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const guarded = await startGuarded(await orderFor(program, options.folder, port), options.logFile);
    const url = `nats://127.0.0.1:${port}`;
    try {
      await waitUntilAnswering(url, guarded);
      return { url, identities: guarded.identities, exited: guarded.exited, stop: guarded.stop };
    } catch (error) {
      await guarded.stop();
      // The free port may have been taken in between.
      if (options.port !== undefined || attempt === portAttemptsMax) {
        throw new Error(`nats-server did not start, see ${options.logFile}`, { cause: error });
      }
    }
  }
}

async function orderFor(program: NatsProgram, folder: string, port: number): Promise<GuardOrder> {
  const configFile = join(folder, 'nats-server.conf');
  const common = { cwd: folder, stopSignal: 'SIGTERM', stopTimeoutMs: 10_000 } as const;
  if (program.kind === 'program') {
    await writeFile(configFile, natsConfig('127.0.0.1', port, folder), { mode: 0o600 });
    return { ...common, command: program.path, args: ['-c', configFile] };
  }
  // Inside the container the folder has the same path, and the server the same user, as outside.
  await writeFile(configFile, natsConfig('0.0.0.0', 4222, folder), { mode: 0o600 });
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const name = `florilegium-nats-${randomUUID().slice(0, 8)}`;
  const args = ['run', '--rm', '--init', '--name', name, '--user', user, '-v', `${folder}:${folder}`];
  args.push('-p', `127.0.0.1:${port}:4222`, program.image, '-c', configFile);
  return { ...common, command: 'docker', args };
}

function natsConfig(host: string, port: number, folder: string): string {
  return [
    `host: "${host}"`,
    `port: ${port}`,
    `pid_file: ${JSON.stringify(join(folder, 'nats-server.pid'))}`,
    // Without bounds of its own JetStream takes a share of the machine's memory and disk.
    `jetstream { store_dir: ${JSON.stringify(join(folder, 'jetstream'))}, max_memory_store: 64MB, max_file_store: 16GB }`,
    '',
  ].join('\n');
}

/** Two servers on one store would damage it: one that outlived its stack (its guard was killed too) is ended first. */
async function stopStale(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  const stale = pid > 1 ? identityOf(pid) : undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (stale === undefined || !command.includes('nats-server')) return;
  signalProcess(stale, 'SIGTERM');
  if (await waitUntilGone(stale, 10_000)) return;
  signalProcess(stale, 'SIGKILL');
  await waitUntilGone(stale, 5_000);
}

/** @throws unavailable in one line when no NATS with JetStream answers at the address */
export async function checkNats(url: string): Promise<void> {
  try {
    const connection = await connect({ ...parseNatsAddress(url), timeout: 10_000, reconnect: false });
    try {
      await connection.request('$JS.API.INFO', '', { timeout: 5_000 });
    } finally {
      await connection.close();
    }
  } catch (error) {
    const host = URL.canParse(url) ? new URL(url).host : 'the given address';
    throw unavailable(`NATS_URL: no NATS with JetStream answers at ${host}`, { cause: error });
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
