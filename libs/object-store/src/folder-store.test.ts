import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ObjectStore, openObjectStore } from './index.ts';

let folder: string;
let store: ObjectStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'object-store-'));
  store = await openObjectStore(pathToFileURL(folder).href);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function keysBelow(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const object of store.list(prefix)) keys.push(object.key);
  return keys;
}

describe('content-addressed objects', () => {
  it('are mended by the next put when the file in their place has another length', async () => {
    const { key } = await store.putContent('images', 'webp', Buffer.from('picture'));
    await writeFile(join(folder, key), 'pic');
    await store.putContent('images', 'webp', Buffer.from('picture'));
    expect((await store.get(key)).toString()).toBe('picture');
  });
});

describe('failed writes', () => {
  it('leave nothing behind', async () => {
    await store.put('lists/v1', Buffer.from('old'));
    async function* breaking() {
      yield Buffer.from('ne');
      throw new Error('the source broke');
    }
    await expect(store.put('lists/v1', breaking())).rejects.toThrow('the source broke');
    expect(await readdir(join(folder, '.writing'))).toEqual([]);
  });

  it('of processes that died are cleared away at the next start, those of living ones are not', async () => {
    await writeFile(join(folder, '.writing', 'dead'), 'x');
    await utimes(join(folder, '.writing', 'dead'), new Date(0), new Date(0));
    await writeFile(join(folder, '.writing', 'alive'), 'x');
    await openObjectStore(pathToFileURL(folder).href);
    expect(await readdir(join(folder, '.writing'))).toEqual(['alive']);
    expect(await keysBelow('')).toEqual([]);
  });
});

describe('keys', () => {
  it('do not lead out of the folder through symbolic links, neither to read nor to write', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'outside-'));
    try {
      await writeFile(join(outside, 'secret'), 'secret');
      await symlink(outside, join(folder, 'linked'));
      await mkdir(join(folder, 'here'));
      await symlink(join(outside, 'secret'), join(folder, 'here', 'file'));
      await expect(store.get('linked/secret')).rejects.toMatchObject({ code: 'invalid_argument' });
      await expect(store.get('here/file')).rejects.toMatchObject({ code: 'invalid_argument' });
      await expect(store.put('linked/new', Buffer.from('x'))).rejects.toMatchObject({ code: 'invalid_argument' });
      await expect(store.delete('linked/secret')).rejects.toMatchObject({ code: 'invalid_argument' });
      expect(await readdir(outside)).toEqual(['secret']);
      expect(await readdir(join(folder, '.writing'))).toEqual([]);
      expect(await keysBelow('')).toEqual([]);
    } finally {
      await rm(outside, { recursive: true });
    }
  });
});

it('opens only addresses it knows', async () => {
  await expect(openObjectStore('/just/a/path')).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(openObjectStore('ftp://host/x')).rejects.toMatchObject({ code: 'invalid_argument' });
});
