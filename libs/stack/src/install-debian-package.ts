import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const commandTimeoutMs = 180_000;

/** Installs a Debian package for the whole machine; we are root. False when apt cannot. */
export async function installAsRoot(name: string): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], { env });
  // Mostly the lists are missing (a container) or old, so update first; a machine that cannot update may still hold the package.
  await run('apt-get', ['update', '-qq'], { env });
  return (await install()) === 0;
}

/**
 * Downloads a Debian package, with those it needs and the machine lacks, and unpacks them into `folder`: no root needed,
 * apt keeps its lists in a folder of ours. False when apt cannot.
 */
export async function unpackDebianPackage(name: string, folder: string): Promise<boolean> {
  const work = `${folder}.${randomUUID()}`;
  try {
    for (const sub of ['state/lists/partial', 'cache/archives/partial', 'debs', 'root']) {
      await mkdir(join(work, sub), { recursive: true });
    }
    const apt = [
      ['-o', `Dir::State=${join(work, 'state')}`],
      ['-o', `Dir::Cache=${join(work, 'cache')}`],
      ['-o', 'Dir::State::status=/var/lib/dpkg/status'],
      // Otherwise apt, run by root, drops its rights and may not write here.
      ['-o', 'APT::Sandbox::User='],
    ].flat();
    if ((await run('apt-get', [...apt, 'update', '-qq'])) !== 0) return false;
    const needed: string[] = [];
    const simulated = await run('apt-get', [...apt, 'install', '-s', '--no-install-recommends', name], {
      onLine: (line) => {
        const found = /^Inst (\S+)/.exec(line)?.[1];
        if (found !== undefined) needed.push(found);
      },
    });
    if (simulated !== 0) return false;
    const names = needed.length === 0 ? [name] : needed;
    if ((await run('apt-get', [...apt, 'download', '-qq', ...names], { cwd: join(work, 'debs') })) !== 0) return false;
    for (const file of await readdir(join(work, 'debs'))) {
      if ((await run('dpkg', ['-x', join(work, 'debs', file), join(work, 'root')])) !== 0) return false;
    }
    await mkdir(dirname(folder), { recursive: true });
    await rm(folder, { recursive: true, force: true });
    await rename(join(work, 'root'), folder);
    return true;
  } catch {
    return false;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  onLine?: (line: string) => void;
}

/** The exit status; 127 when the program is not there, 124 when it took too long. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env, onLine }: RunOptions = {},
): Promise<number> {
  return await new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', onLine === undefined ? 'ignore' : 'pipe', 'ignore'],
      timeout: commandTimeoutMs,
      cwd,
      env,
    });
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
    });
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 124));
  });
}
