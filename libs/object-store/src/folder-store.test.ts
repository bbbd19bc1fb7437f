import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
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
  it('are written once: the same bytes again leave the file as it is', async () => {
    const body = Buffer.from('picture');
    const { key } = await store.putContent('images', 'webp', body);
    const { ino } = await stat(join(folder, key));
    await store.putContent('images', 'webp', body);
    await store.putContent('images', 'webp', Readable.from([body]));
    await (await store.handContent('images', 'webp', body)).durable;
    expect((await stat(join(folder, key))).ino).toBe(ino);
  });

  it('are mended by the next put when the file in their place has another length', async () => {
    const { key } = await store.putContent('images', 'webp', Buffer.from('picture'));
    await writeFile(join(folder, key), 'pic');
    await store.putContent('images', 'webp', Buffer.from('picture'));
    expect((await store.get(key)).toString()).toBe('picture');
  });
});

describe('objects that are handed over', () => {
  it('are all there once durable, among them the same bytes twice and one larger than what is copied at once', async () => {
    const bodies = [...Array.from({ length: 300 }, (_, i) => Buffer.from(`body ${i % 200}`)), Buffer.alloc(5 << 20, 7)];
    const handed = await Promise.all(bodies.map((body) => store.handContent('images', 'webp', body)));
    await Promise.all(handed.map(({ durable }) => durable));
    for (const [i, { stored }] of handed.entries())
      expect(Buffer.compare(await store.get(stored.key, { sha256: stored.sha256 }), bodies[i]!)).toBe(0);
    expect(await readdir(join(folder, '.writing'))).toEqual([]);
  });

  it.each([(256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1 << 20, (1 << 20) + 1, (5 << 20) - 4097])(
    'come back as they were, of %i bytes',
    async (length) => {
      const body = randomBytes(length);
      const { stored, durable } = await store.handContent('images', 'webp', body);
      await durable;
      expect(stored.bytes).toBe(length);
      expect(Buffer.compare(await store.get(stored.key), body)).toBe(0);
    },
  );

  it('keep what was handed over when the buffer changes afterwards', async () => {
    const body = Buffer.from('as it was');
    const { stored, durable } = await store.handContent('images', 'webp', body);
    body.fill('x');
    await durable;
    expect((await store.get(stored.key)).toString()).toBe('as it was');
  });

  it('come back into a folder that was removed meanwhile', async () => {
    const body = Buffer.from('picture');
    const { key } = await store.putContent('images', 'webp', body);
    await rm(join(folder, dirname(key)), { recursive: true });
    await store.putContent('images', 'webp', body);
    expect((await store.get(key)).toString()).toBe('picture');
  });

  it('that cannot be put in their place fail alone, and leave nothing behind', async () => {
    const good = Buffer.from('good');
    const bad = Buffer.from('bad');
    const { key } = await store.putContent('images', 'webp', bad);
    await rm(join(folder, key));
    await mkdir(join(folder, key));
    const [one, other] = await Promise.all([good, bad].map((body) => store.handContent('images', 'webp', body)));
    await expect(other!.durable).rejects.toMatchObject({ code: 'EISDIR' });
    await one!.durable;
    expect((await store.get(one!.stored.key)).toString()).toBe('good');
    expect(await readdir(join(folder, '.writing'))).toEqual([]);
  });

  it('are written one by one where no program flushes a file system', async () => {
    const module = fileURLToPath(new URL('./index.ts', import.meta.url));
    const program = `const { openObjectStore } = await import(${JSON.stringify(module)});
      const store = await openObjectStore(${JSON.stringify(pathToFileURL(folder).href)});
      await Promise.all(Array.from({ length: 50 }, (_, i) => store.putContent('images', 'webp', Buffer.from('body ' + i))));`;
    await writeFile(join(folder, 'program.mjs'), program);
    const child = spawnSync(process.execPath, [join(folder, 'program.mjs')], { env: { PATH: '/nowhere' } });
    expect({ status: child.status, stderr: child.stderr.toString() }).toMatchObject({ status: 0 });
    expect(await keysBelow('images/')).toHaveLength(50);
  });
});

describe('objects that nobody wants any more', () => {
  it('stay whenever they are put again while they are being removed', async () => {
    const body = Buffer.from('wanted again');
    const { key } = await store.putContent('images', 'webp', body);
    for (let round = 0; round < 200; round++) {
      await utimes(join(folder, key), new Date(0), new Date(0));
      const since = new Date(Date.now() - 60_000);
      await Promise.all([store.deleteUntouched(key, since), store.putContent('images', 'webp', body)]);
      expect((await store.get(key)).toString()).toBe('wanted again');
    }
    expect(await readdir(join(folder, '.writing'))).toEqual([]);
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
