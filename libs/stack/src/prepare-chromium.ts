import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '@florilegium/errors';
import { readStackConfig } from './config.ts';
import { findProgram } from './find-program.ts';
import { installAsRoot, unpackDebianPackage } from './install-debian-package.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * The path of a Chromium for tests of the user interface, from the PATH or the cache, else from Debian's package. A test
 * calls it where it needs it, since the package is large.
 * @throws failed_precondition with the one command to type
 */
export async function prepareChromium(log: (line: string) => void): Promise<string> {
  const { cacheFolder, programFolders } = readStackConfig();
  const unpacked = join(cacheFolder, 'chromium');
  const starter = join(unpacked, 'florilegium-bin');
  const find = () => findProgram(names, [...programFolders, starter]);
  const found = find();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0) {
    log('chromium is missing, installing the Debian package');
    await installAsRoot('chromium');
  }
  if (find() === undefined) {
    log(`chromium is missing, unpacking the Debian package into ${unpacked}`);
    if (await unpackDebianPackage('chromium', unpacked)) await writeStarter(unpacked, starter);
  }
  const path = find();
  if (path !== undefined) return path;
  throw failedPrecondition(
    'chromium is missing and could not be installed (no network?); type: sudo apt-get install chromium',
  );
}

/** The unpacked libraries are not where the system looks for them. */
async function writeStarter(unpacked: string, starter: string): Promise<void> {
  await mkdir(starter, { recursive: true });
  const quoted = `'${unpacked.replaceAll("'", `'\\''`)}'`;
  const text = [
    '#!/bin/sh',
    `root=${quoted}`,
    'for folder in "$root"/usr/lib/*-linux-gnu "$root"/lib/*-linux-gnu; do',
    '  LD_LIBRARY_PATH="$folder:$folder/pulseaudio:$LD_LIBRARY_PATH"',
    'done',
    'export LD_LIBRARY_PATH',
    'exec "$root/usr/lib/chromium/chromium" "$@"',
    '',
  ].join('\n');
  await writeFile(join(starter, 'chromium'), text, { mode: 0o755 });
}
