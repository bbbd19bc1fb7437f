import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentKey, type ObjectStore, openObjectStore } from './index.ts';

let folder: string;
let store: ObjectStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'object-store-'));
  store = await openObjectStore(pathToFileURL(folder).href);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
async function* pieces(...parts: string[]) {
  for (const part of parts) yield Buffer.from(part);
}
async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}
async function keysBelow(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const object of store.list(prefix)) keys.push(object.key);
  return keys;
}

describe('reading and writing', () => {
  it('gives back what was put, from a buffer and from a stream, and replaces it', async () => {
    expect(await store.put('lists/v1.json', Buffer.from('one'))).toEqual({
      key: 'lists/v1.json',
      bytes: 3,
      sha256: sha256('one'),
    });
    expect((await store.get('lists/v1.json')).toString()).toBe('one');
    await store.put('lists/v1.json', pieces('two ', 'and ', 'three'));
    expect((await store.get('lists/v1.json')).toString()).toBe('two and three');
    const { bytes, stream } = await store.getStream('lists/v1.json');
    expect([bytes, await collect(stream)]).toEqual([13, 'two and three']);
  });

  it('gives ranges, cut at the end of the object, and refuses a start past it', async () => {
    await store.put('a/b', Buffer.from('0123456789'));
    expect((await store.get('a/b', { range: { start: 3, bytes: 4 } })).toString()).toBe('3456');
    const { bytes, stream } = await store.getStream('a/b', { range: { start: 8, bytes: 100 } });
    expect([bytes, await collect(stream)]).toEqual([2, '89']);
    expect((await store.get('a/b', { range: { start: 10 } })).length).toBe(0);
    await expect(store.get('a/b', { range: { start: 11 } })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('refuses bytes that do not hash to what the reader expects', async () => {
    await store.put('models/m', Buffer.from('weights'));
    expect((await store.get('models/m', { sha256: sha256('weights') })).toString()).toBe('weights');
    await expect(store.get('models/m', { sha256: sha256('others') })).rejects.toMatchObject({ code: 'internal' });
    const good = await store.getStream('models/m', { sha256: sha256('weights') });
    expect(await collect(good.stream)).toBe('weights');
    const bad = await store.getStream('models/m', { sha256: sha256('others') });
    await expect(collect(bad.stream)).rejects.toMatchObject({ code: 'internal' });
  });

  it('says not_found of what is not there, and deletes it without complaint', async () => {
    await expect(store.get('images/none')).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.getStream('images')).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.head('images/none')).toBeUndefined();
    await store.delete('images/none');
    await store.put('images/one', Buffer.from('x'));
    expect(await store.head('images/one')).toMatchObject({ key: 'images/one', bytes: 1 });
    await store.delete('images/one');
    expect(await store.head('images/one')).toBeUndefined();
  });
});

describe('content-addressed objects', () => {
  it('are named after their hash and written once, from buffers and streams', async () => {
    const key = contentKey('images', sha256('picture'), 'webp');
    const first = await store.putContent('images', 'webp', Buffer.from('picture'));
    expect(first).toEqual({ key, bytes: 7, sha256: sha256('picture') });
    const written = (await stat(join(folder, key))).ino;
    expect(await store.putContent('images', 'webp', Buffer.from('picture'))).toEqual(first);
    expect(await store.putContent('images', 'webp', pieces('pic', 'ture'))).toEqual(first);
    expect((await stat(join(folder, key))).ino).toBe(written);
  });

  it('are mended by the next put when the file in their place has another length', async () => {
    const { key } = await store.putContent('images', 'webp', Buffer.from('picture'));
    await writeFile(join(folder, key), 'pic');
    await store.putContent('images', 'webp', Buffer.from('picture'));
    expect((await store.get(key)).toString()).toBe('picture');
  });
});

describe('listing', () => {
  it('lists by the start of the key, in the order of the keys, deep and shallow', async () => {
    for (const key of ['a.txt', 'a/2', 'a/10', 'a-b/1', 'ab/1', 'b']) await store.put(key, Buffer.from(key));
    expect(await keysBelow('')).toEqual(['a-b/1', 'a.txt', 'a/10', 'a/2', 'ab/1', 'b']);
    expect(await keysBelow('a/')).toEqual(['a/10', 'a/2']);
    expect(await keysBelow('a')).toEqual(['a-b/1', 'a.txt', 'a/10', 'a/2', 'ab/1']);
    expect(await keysBelow('a/1')).toEqual(['a/10']);
    expect(await keysBelow('none/')).toEqual([]);
  });
});

describe('failed writes', () => {
  it('leave nothing behind and the old object in place', async () => {
    await store.put('lists/v1', Buffer.from('old'));
    async function* breaking() {
      yield Buffer.from('ne');
      throw new Error('the source broke');
    }
    await expect(store.put('lists/v1', breaking())).rejects.toThrow('the source broke');
    expect((await store.get('lists/v1')).toString()).toBe('old');
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
  it.each([
    '',
    '/etc/passwd',
    '../up',
    'a/../../up',
    'a/./b',
    'a//b',
    'a/',
    '.writing/x',
    'a\\b',
    'a\0b',
    'a b',
    `a/${'x'.repeat(600)}`,
  ])('refuses %j', async (key) => {
    for (const attempt of [
      () => store.put(key, Buffer.from('x')),
      () => store.get(key),
      () => store.head(key),
      () => store.delete(key),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'invalid_argument' });
    }
  });

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
