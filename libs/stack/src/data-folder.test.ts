import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDataFolder } from './data-folder.ts';
import { identityOf } from './processes.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'florilegium-data-'));
});
afterEach(() => rm(dir, { recursive: true }));
const silent = () => {};

it('keeps its secrets from run to run', async () => {
  const first = await openDataFolder(dir, silent);
  await first.release();
  const second = await openDataFolder(dir, silent);
  expect(second.secrets).toEqual(first.secrets);
  await second.release();
});

it('is locked while it is open', async () => {
  const first = await openDataFolder(dir, silent);
  await expect(openDataFolder(dir, silent)).rejects.toThrow(`another stack runs on the data folder ${dir}`);
  await first.release();
  await (await openDataFolder(dir, silent)).release();
});

it('takes over the lock of a process that is dead, or whose pid is now somebody else', async () => {
  for (const holder of [
    { pid: 2 ** 22 + 1, startedAt: '1' },
    { ...identityOf(process.pid), startedAt: 'before' },
  ]) {
    await writeFile(join(dir, 'stack.lock.9'), JSON.stringify(holder));
    await (await openDataFolder(dir, silent)).release();
  }
});

it('lets one of many win who take over a dead lock at once', async () => {
  for (let round = 0; round < 30; round++) {
    await writeFile(join(dir, `stack.lock.${1000 + round}`), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' }));
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => openDataFolder(dir, silent)));
    const open = results.filter((result) => result.status === 'fulfilled');
    expect(open).toHaveLength(1);
    await open[0]?.value.release();
  }
});

it('waits for a service that an earlier run left', async () => {
  const left = spawn('sleep', ['1.5']);
  await once(left, 'spawn');
  await writeFile(join(dir, 'processes.json'), JSON.stringify({ catalog: identityOf(left.pid!) }));
  const lines: string[] = [];
  const data = await openDataFolder(dir, (line) => lines.push(line));
  expect(identityOf(left.pid!)).toBeUndefined();
  expect(lines).toEqual(['an earlier run is still ending, waiting for it']);
  await data.release();
});

it('refuses damaged secrets rather than making new ones beside the old database', async () => {
  await writeFile(join(dir, 'secrets.json'), '{"installation":');
  await expect(openDataFolder(dir, silent)).rejects.toThrow(/secrets\.json is damaged/);
  expect(await readFile(join(dir, 'secrets.json'), 'utf8')).toBe('{"installation":');
});
