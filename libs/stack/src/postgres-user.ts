import { execFileSync, spawnSync } from 'node:child_process';
import type { UserIdentity } from './guarded-process.ts';

/**
 * The user PostgreSQL runs as: undefined (ourselves) unless we are root, whom it refuses. Then `postgres`, made when
 * missing; where no user can be made, `nobody`, who exists everywhere.
 */
export function postgresUser(log: (line: string) => void): UserIdentity | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const found = lookUp('postgres');
  if (found !== undefined) return found;
  log('PostgreSQL refuses to run as root: making the system user postgres for it (groupadd, useradd)');
  spawnSync('groupadd', ['--system', 'postgres'], { stdio: 'ignore' });
  spawnSync(
    'useradd',
    ['--system', '--gid', 'postgres', '--no-create-home', '--home-dir', '/nonexistent', 'postgres'],
    {
      stdio: 'ignore',
    },
  );
  return lookUp('postgres') ?? lookUp('nobody');
}

function lookUp(name: string): UserIdentity | undefined {
  try {
    const ask = (flag: string) =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: ask('-u'), gid: ask('-g') };
  } catch {
    return undefined;
  }
}

/**
 * Whether this user may enter, write or run the path, asked of the kernel as that user: every folder above counts too.
 * /bin/sh, not node: our own node may lie where that user may not go.
 */
export function userMay(user: UserIdentity | undefined, right: 'write' | 'run', path: string): boolean {
  const test = right === 'write' ? 'test -d "$1" && test -w "$1" && test -x "$1"' : 'test -x "$1" && test -r "$1"';
  return spawnSync('/bin/sh', ['-c', test, 'sh', path], { cwd: '/', stdio: 'ignore', ...user }).status === 0;
}
