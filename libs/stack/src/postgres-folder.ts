import { createHash } from 'node:crypto';
import { chown, mkdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '@florilegium/errors';
import { readJson, writeAtomically } from './data-folder.ts';
import type { UserIdentity } from './guarded-process.ts';
import { postgresUser, userMay } from './postgres-user.ts';

export interface PostgresFolder {
  folder: string;
  user: UserIdentity | undefined;
}

interface Pointer {
  folder: string;
  dataDir: string;
}

/**
 * Where the database of this data folder lies, and who runs it. In the data folder; when we are root, and so PostgreSQL
 * runs as a user who may not enter that (a clone under /root), in a folder outside that the file
 * `postgres-folder.json` in the data folder names.
 */
export async function postgresFolder(
  dataDir: string,
  installation: string,
  log: (line: string) => void,
): Promise<PostgresFolder> {
  const inside = join(dataDir, 'postgres');
  const owner = await ownerOfCluster(inside);
  // Data that an ordinary user made keeps its owner when root runs it.
  const user = process.getuid?.() === 0 && owner !== undefined && owner.uid !== 0 ? owner : postgresUser(log);

  const pointerFile = join(dataDir, 'postgres-folder.json');
  const pointer = await readJson<Pointer>(pointerFile);
  if (pointer !== undefined) {
    await refuseCopy(pointer, dataDir, installation);
    const ownerOutside = await ownerOfCluster(pointer.folder);
    if (ownerOutside === undefined) {
      throw failedPrecondition(
        `the database of ${dataDir} was in ${pointer.folder} and is gone: remove ${dataDir} to start anew`,
      );
    }
    if (pointer.dataDir !== dataDir) await writeAtomically(pointerFile, { ...pointer, dataDir });
    log(`the database is in ${pointer.folder}`);
    return { folder: pointer.folder, user: process.getuid?.() === 0 ? ownerOutside : undefined };
  }

  if (await canUse(inside, user)) return { folder: inside, user };
  if (owner !== undefined || user === undefined) {
    throw failedPrecondition(`the database in ${inside} may not be entered by the user that runs PostgreSQL`);
  }
  await rmdir(inside).catch(() => {});
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 10);
  for (const root of ['/var/lib', '/var/tmp']) {
    const folder = join(root, `florilegium-${hash}-${installation.slice(0, 8)}`);
    if (!(await canUse(folder, user))) continue;
    await writeAtomically(pointerFile, { folder, dataDir } satisfies Pointer);
    log(`PostgreSQL's user may not enter ${dataDir}, so the database is in ${folder}`);
    return { folder, user };
  }
  throw failedPrecondition(`PostgreSQL's user may enter neither ${dataDir} nor a folder in /var/lib or /var/tmp`);
}

async function canUse(folder: string, user: UserIdentity | undefined): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    return userMay(user, 'write', folder);
  } catch {
    return false;
  }
}

async function ownerOfCluster(folder: string): Promise<UserIdentity | undefined> {
  const found = await stat(join(folder, 'cluster')).catch(() => undefined);
  return found === undefined ? undefined : { uid: found.uid, gid: found.gid };
}

/** A copied data folder has no database of its own outside, and two must not share one. A moved one keeps its. */
async function refuseCopy(pointer: Pointer, dataDir: string, installation: string): Promise<void> {
  if (pointer.dataDir === dataDir) return;
  const original = await readJson<{ installation?: string }>(join(pointer.dataDir, 'secrets.json'));
  if (original?.installation === installation) {
    throw failedPrecondition(
      `${dataDir} is a copy of ${pointer.dataDir}, whose database in ${pointer.folder} was not copied with it`,
    );
  }
}
