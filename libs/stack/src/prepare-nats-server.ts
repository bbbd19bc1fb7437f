import { join } from 'node:path';
import { failedPrecondition } from '@florilegium/errors';
import type { StackConfig } from './config.ts';
import { findProgram } from './find-program.ts';
import { installAsRoot, run, unpackDebianPackage } from './install-debian-package.ts';

/** How nats-server is run here. */
export type NatsProgram = { kind: 'program'; path: string } | { kind: 'docker'; image: string };

const dockerImage = 'nats:2';

/**
 * nats-server from the PATH or the cache; else Debian's package, installed (root) or unpacked into the cache; else an
 * image that a Docker engine runs.
 * @throws failed_precondition with the one command to type
 */
export async function prepareNatsServer(
  { cacheFolder, programFolders }: Pick<StackConfig, 'cacheFolder' | 'programFolders'>,
  log: (line: string) => void,
): Promise<NatsProgram> {
  const unpacked = join(cacheFolder, 'nats-server');
  const find = () => findProgram(['nats-server'], [...programFolders, join(unpacked, 'usr', 'sbin')]);
  const found = find();
  if (found !== undefined) return { kind: 'program', path: found };

  if (findProgram(['apt-get'], programFolders) !== undefined) {
    if (process.getuid?.() === 0) {
      log('nats-server is missing, installing the Debian package');
      await installAsRoot('nats-server');
    }
    if (find() === undefined) {
      log(`nats-server is missing, unpacking the Debian package into ${unpacked}`);
      await unpackDebianPackage('nats-server', unpacked);
    }
    const path = find();
    if (path !== undefined) return { kind: 'program', path };
  }
  if (
    (await run('docker', ['image', 'inspect', dockerImage])) === 0 ||
    (await run('docker', ['pull', '-q', dockerImage])) === 0
  ) {
    log(`nats-server is missing, Docker runs ${dockerImage}`);
    return { kind: 'docker', image: dockerImage };
  }
  const withApt = findProgram(['apt-get'], programFolders) !== undefined;
  throw failedPrecondition(
    `nats-server is missing and could not be installed${waysToInstall(process.platform, withApt)}`,
  );
}

/** What fits the machine: Debian's package, Homebrew's, or the program alone, which other distributions do not pack. */
export function waysToInstall(platform: NodeJS.Platform, withApt: boolean): string {
  if (platform === 'darwin') return ' (no network?); type: brew install nats-server';
  if (withApt) return ' (no network?); type: sudo apt-get install nats-server';
  return ': there is neither apt-get nor a Docker engine; put the program nats-server (https://github.com/nats-io/nats-server/releases) on the PATH, or start Docker';
}
