import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failedPrecondition, messageOf } from '@florilegium/errors';
import { identityOf, isAlive, type ProcessIdentity, signalProcess, waitUntilGone } from './processes.ts';

/** What must stay the same from run to run; kept in a file that only its owner may read. */
export interface Secrets {
  /** Names this data, wherever its folder is moved. */
  installation: string;
  postgresPassword: string;
  /** The seed of the roles' passwords. */
  rolePassword: string;
  /** The key that the services show each other. */
  serviceApiKey: string;
}

export interface DataFolder {
  /** Absolute, without symbolic links. */
  dir: string;
  logsDir: string;
  secrets: Secrets;
  /** Keeps which service or guard runs, so that the next run can end those which outlived this one. */
  recordProcess(part: string, identity: ProcessIdentity | undefined): void;
  /** Ports of the programs in the last run, by name. */
  portsBefore: Record<string, number>;
  keepPorts(ports: Record<string, number>): Promise<void>;
  /** Gives the lock back; all processes must have ended. */
  release(): Promise<void>;
}

/**
 * Opens the data folder for one stack: makes it, locks it, ends what an earlier run left running.
 * @throws failed_precondition in one line when it cannot be written or another stack runs on it
 */
export async function openDataFolder(path: string, log: (line: string) => void): Promise<DataFolder> {
  let dir: string;
  try {
    await mkdir(join(path, 'logs'), { recursive: true });
    dir = await realpath(path);
    await writeFile(join(dir, '.write-test'), '');
    await rm(join(dir, '.write-test'));
  } catch (error) {
    throw failedPrecondition(`the data folder ${path} cannot be written: ${messageOf(error)}`, { cause: error });
  }
  const unlock = await lock(dir);
  try {
    const processesFile = join(dir, 'processes.json');
    const portsFile = join(dir, 'ports.json');
    await endLeftOvers(processesFile, log);
    const secrets = await readSecrets(join(dir, 'secrets.json'));
    const processes: Record<string, ProcessIdentity> = {};
    // One write after the other, each of the state at its time.
    let written = Promise.resolve();
    return {
      dir,
      logsDir: join(dir, 'logs'),
      secrets,
      recordProcess(part, identity) {
        if (identity === undefined) return;
        processes[part] = identity;
        written = written.then(() => writeAtomically(processesFile, processes)).catch(() => {});
      },
      portsBefore: (await readJson<Record<string, number>>(portsFile)) ?? {},
      keepPorts: (ports) => writeAtomically(portsFile, ports),
      async release() {
        await written;
        await rm(processesFile, { force: true });
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/**
 * The lock is a file that names its holder. It appears whole (link of a finished file) and is taken over when the
 * holder is dead; of two that take it over at once, one loses the rename.
 */
async function lock(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, 'stack.lock');
  const mine = join(dir, `stack.lock.${randomUUID()}`);
  const self = identityOf(process.pid);
  const content = JSON.stringify({ ...self, token: randomUUID() });
  await writeFile(mine, content, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        await link(mine, path);
        return async () => {
          if ((await readFile(path, 'utf8').catch(() => '')) === content) await rm(path, { force: true });
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const held = await readFile(path, 'utf8').catch(() => undefined);
      if (held === undefined) continue;
      const holder = parse<ProcessIdentity>(held);
      if (holder?.pid !== undefined && isAlive(holder)) {
        throw failedPrecondition(`another stack runs on the data folder ${dir} (pid ${holder.pid})`);
      }
      const aside = `${mine}.stale`;
      await rename(path, aside).catch(() => {});
      const moved = await readFile(aside, 'utf8').catch(() => undefined);
      // Somebody else was faster and holds the lock that we have just moved: give it back.
      if (moved !== undefined && moved !== held) await link(aside, path).catch(() => {});
      await rm(aside, { force: true });
    }
    throw failedPrecondition(`the lock ${path} cannot be taken`);
  } finally {
    await rm(mine, { force: true });
  }
}

/**
 * Services and guards of a run that was killed end by themselves within seconds; the new run waits for them, then makes
 * sure. What a killed guard left is ended by whoever starts the same program on the same files.
 */
async function endLeftOvers(processesFile: string, log: (line: string) => void): Promise<void> {
  const recorded = await readJson<Record<string, ProcessIdentity>>(processesFile);
  const alive = Object.values(recorded ?? {}).filter(isAlive);
  if (alive.length === 0) return;
  log('an earlier run is still ending, waiting for it');
  await Promise.all(
    alive.map(async (left) => {
      if (await waitUntilGone(left, 25_000)) return;
      signalProcess(left, 'SIGKILL');
      await waitUntilGone(left, 5_000);
    }),
  );
}

async function readSecrets(path: string): Promise<Secrets> {
  const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw failedPrecondition(`${path} cannot be read: ${error.message}`, { cause: error });
  });
  if (found !== undefined) {
    const secrets = parse<Secrets>(found);
    if (typeof secrets?.installation !== 'string' || typeof secrets.postgresPassword !== 'string') {
      throw failedPrecondition(`${path} is damaged, and with it the passwords of the database beside it`);
    }
    return secrets;
  }
  const secret = () => randomBytes(24).toString('base64url');
  const secrets: Secrets = {
    installation: randomUUID(),
    postgresPassword: secret(),
    rolePassword: secret(),
    serviceApiKey: secret(),
  };
  await writeAtomically(path, secrets);
  return secrets;
}

/** The password of one service's role. */
export function rolePasswordOf(secrets: Secrets, role: string): string {
  return createHash('sha256').update(`${secrets.rolePassword}/${role}`).digest('base64url');
}

/** Readable by the owner alone; whole or not there at all, even when the power fails. */
export async function writeAtomically(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${randomUUID()}`;
  const file = await open(partial, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(value, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}

export async function readJson<Value>(path: string): Promise<Value | undefined> {
  return parse<Value>(await readFile(path, 'utf8').catch(() => ''));
}

function parse<Value>(text: string): Value | undefined {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined;
  }
}
