import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { postgresFolder } from './postgres-folder.ts';

const isRoot = process.getuid?.() === 0;
const silent = () => {};
let parent: string;
let data: DataFolder;
let outside: string | undefined;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'florilegium-data-'));
  data = await openDataFolder(join(parent, 'data'), silent);
  outside = undefined;
});
afterEach(async () => {
  await data.release();
  await rm(parent, { recursive: true });
  if (outside !== undefined) await rm(outside, { recursive: true });
});

it('is in the data folder where PostgreSQL may enter that', async () => {
  await chmod(parent, 0o755);
  const { folder } = await postgresFolder(data.dir, data.secrets.installation, silent);
  expect(folder).toBe(join(data.dir, 'postgres'));
});

describe.runIf(isRoot)('in a folder that PostgreSQL may not enter, run by root', () => {
  const place = async (dir: string, lines: string[] = []) => {
    const found = await postgresFolder(dir, data.secrets.installation, (line) => lines.push(line));
    outside = found.folder;
    await mkdir(join(found.folder, 'cluster'), { recursive: true });
    return found;
  };

  it('is outside, is found again, and the log says where', async () => {
    const [first, second]: [string[], string[]] = [[], []];
    const { folder, user } = await place(data.dir, first);
    expect(dirname(folder)).toMatch(/^\/var\/(lib|tmp)$/);
    expect((await stat(folder)).uid).toBe(user?.uid);
    expect(first).toEqual([`PostgreSQL's user may not enter ${data.dir}, so the database is in ${folder}`]);
    expect((await place(data.dir, second)).folder).toBe(folder);
    expect(second).toEqual([`the database is in ${folder}`]);
  });

  it('stays with a data folder that is moved', async () => {
    const { folder } = await place(data.dir);
    const moved = join(parent, 'moved');
    await rename(data.dir, moved);
    expect((await place(moved)).folder).toBe(folder);
    expect(JSON.parse(await readFile(join(moved, 'postgres-folder.json'), 'utf8')).dataDir).toBe(moved);
  });

  it('is not shared with a copy of the data folder', async () => {
    const { folder } = await place(data.dir);
    const copy = join(parent, 'copy');
    await cp(data.dir, copy, { recursive: true });
    await expect(postgresFolder(copy, data.secrets.installation, silent)).rejects.toThrow(
      `${copy} is a copy of ${data.dir}, whose database in ${folder} was not copied with it`,
    );
  });

  it('is never made anew when it is gone', async () => {
    const { folder } = await place(data.dir);
    await rm(folder, { recursive: true });
    outside = undefined;
    await expect(postgresFolder(data.dir, data.secrets.installation, silent)).rejects.toThrow(
      `the database of ${data.dir} was in ${folder} and is gone: remove ${data.dir} to start anew`,
    );
  });
});
