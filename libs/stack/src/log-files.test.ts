import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { boundLogFiles, lastLogLines } from './log-files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'florilegium-logs-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('moves a log over the bound aside and empties it, and leaves the others', async () => {
  const [large, small] = [join(folder, 'large.log'), join(folder, 'small.log')];
  await writeFile(large, 'x'.repeat(2_000));
  await writeFile(small, 'y'.repeat(10));
  const stop = boundLogFiles(folder, 1_000, 10);
  await expect.poll(async () => (await stat(large)).size).toBe(0);
  stop();
  await appendFile(large, 'after');
  expect(await readFile(large, 'utf8')).toBe('after');
  expect((await stat(`${large}.1`)).size).toBe(2_000);
  expect((await stat(small)).size).toBe(10);
});

it('gives the last lines that say something, in one line', async () => {
  const path = join(folder, 'tail.log');
  await writeFile(
    path,
    [
      'plain first line',
      '{"level":"error","msg":"import failed","reason":"line 3 has no PageID"}',
      '{"level":"info","msg":"stopping"}',
      'Error: cannot find module',
      '',
    ].join('\n'),
  );
  expect(lastLogLines(path)).toBe('import failed: line 3 has no PageID | Error: cannot find module');
  expect(lastLogLines(join(folder, 'none.log'))).toBe('');
});
