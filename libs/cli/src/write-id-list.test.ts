import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeIdList } from './write-id-list.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'id-list-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('writes every id on a line of its own', async () => {
  const ids = Array.from({ length: 25_001 }, (_, index) => index);
  await writeIdList(join(folder, 'list.txt'), ids);
  expect(await readFile(join(folder, 'list.txt'), 'utf8')).toBe(ids.map((id) => `${id}\n`).join(''));
});

it('leaves nothing behind when it cannot write', async () => {
  await mkdir(join(folder, 'list.txt'));
  await expect(writeIdList(join(folder, 'list.txt'), [1])).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['list.txt']);
});
