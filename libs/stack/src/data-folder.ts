import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
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
 * The lock is the file `stack.lock.<n>` with the highest n; it names its holder, and is free when that is dead or has
 * emptied it. It is taken by making n + 1, which only one can (link of a finished file), and never by removing or renaming
 * the highest, which could hit a lock that somebody has taken a moment ago.
 */
async function lock(dir: string): Promise<() => Promise<void>> {
  const mine = join(dir, `stack.lock-${randomUUID()}`);
  await writeFile(mine, JSON.stringify(identityOf(process.pid)), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < lockAttemptsMax; attempt++) {
      const highest = await highestLock(dir);
      const holder = parse<ProcessIdentity>(await readFile(lockPath(dir, highest), 'utf8').catch(() => ''));
      if (holder !== undefined && isAlive(holder)) {
        throw failedPrecondition(`another stack runs on the data folder ${dir} (pid ${holder.pid})`);
      }
      const taken = highest + 1;
      const path = lockPath(dir, taken);
      if (!(await makeLock(mine, path))) continue;
      // A listing may miss what is made and removed during it; what is there now and higher was taken by somebody else.
      if ((await highestLock(dir)) !== taken) {
        await rm(path, { force: true });
        continue;
      }
      for (const number of await lockNumbers(dir)) if (number < taken) await rm(lockPath(dir, number), { force: true });
      return () => truncate(path).catch(() => {});
    }
    throw failedPrecondition(`the lock of the data folder ${dir} cannot be taken`);
  } finally {
    await rm(mine, { force: true });
  }
}

const lockAttemptsMax = 100;
const lockPath = (dir: string, number: number) => join(dir, `stack.lock.${number}`);
const highestLock = async (dir: string) => Math.max(0, ...(await lockNumbers(dir)));

async function lockNumbers(dir: string): Promise<number[]> {
  const names = await readdir(dir);
  return names.flatMap((name) => Number(/^stack\.lock\.(\d+)$/.exec(name)?.[1] ?? []) || []);
}

/** False when somebody else has made it. */
async function makeLock(finished: string, path: string): Promise<boolean> {
  try {
    await link(finished, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
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
