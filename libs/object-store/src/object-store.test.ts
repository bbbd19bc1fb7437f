import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { contentKey, type ObjectStore, openObjectStore } from './index.ts';
import { hasTestS3, startTestS3, type TestS3 } from './test-s3.ts';

let store: ObjectStore;
/** After which a new write shows another time. */
let clockMs: number;

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

describe('in a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'object-store-'));
    store = await openObjectStore(pathToFileURL(folder).href);
    clockMs = 20;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  behavesAsAnObjectStore();
});

const hasMoto = hasTestS3();

describe.skipIf(!hasMoto)(
  hasMoto ? 'in S3 (moto)' : 'in S3: not run, moto_server (PyPI: moto[server]) is not installed',
  () => {
    let s3: TestS3;
    let endpoint: string;
    let buckets = 0;
    let bucket: string;

    beforeAll(async () => {
      s3 = await startTestS3();
      Object.assign(process.env, s3.env);
      endpoint = s3.endpoint;
    });
    afterAll(() => s3?.stop());
    beforeEach(async () => {
      bucket = `bucket-${buckets++}`;
      store = await openObjectStore(await s3.addBucket(bucket, 'some/prefix'));
      clockMs = 1100;
    });
    behavesAsAnObjectStore();

    it('shares a bucket with other prefixes and sees nothing of them', async () => {
      await store.put('images/a', Buffer.from('mine'));
      const other = await openObjectStore(`s3://${bucket}/some?endpoint=${encodeURIComponent(endpoint)}`);
      await other.put('elsewhere', Buffer.from('theirs'));
      expect(await keysBelow('')).toEqual(['images/a']);
      expect((await other.get('prefix/images/a')).toString()).toBe('mine');
    });

    it('lists more than one answer holds, in order', async () => {
      const keys = Array.from({ length: 1005 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
      for (let start = 0; start < keys.length; start += 50)
        await Promise.all(keys.slice(start, start + 50).map((key) => store.put(key, Buffer.from('x'))));
      expect(await keysBelow('many/')).toEqual(keys);
    }, 60_000);

    it('writes large streams in parts, and leaves no part of one that breaks', async () => {
      const piece = Buffer.alloc(1 << 20, 7);
      async function* large(broken: boolean) {
        for (let i = 0; i < 18; i++) yield piece;
        if (broken) throw new Error('the source broke');
      }
      const stored = await store.put('models/large', large(false));
      expect(stored.bytes).toBe(18 << 20);
      expect((await store.get('models/large', { sha256: stored.sha256 })).length).toBe(18 << 20);
      await expect(store.put('models/broken', large(true))).rejects.toThrow('the source broke');
      expect(await store.head('models/broken')).toBeUndefined();
      const { Uploads } = await s3.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      expect(Uploads ?? []).toEqual([]);
    }, 60_000);

    it('says at the start that a bucket is not there, and refuses addresses it does not understand', async () => {
      const at = (rest: string) => openObjectStore(`s3://${rest}`);
      await expect(at(`nowhere?endpoint=${encodeURIComponent(endpoint)}`)).rejects.toMatchObject({
        code: 'failed_precondition',
      });
      for (const bad of ['', 'b', `${bucket}/../up/.hidden`, `${bucket}?port=1`, `${bucket}?endpoint=ftp://x`])
        await expect(at(bad)).rejects.toMatchObject({ code: 'invalid_argument' });
    });
  },
);

function behavesAsAnObjectStore(): void {
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
      // Whoever passes the bytes on under their length must not have sent all of them by then.
      const pieces: Buffer[] = [];
      const passOn = async () => {
        for await (const piece of bad.stream as AsyncIterable<Buffer>) pieces.push(piece);
      };
      await expect(passOn()).rejects.toMatchObject({ code: 'internal' });
      expect(Buffer.concat(pieces).length).toBeLessThan('weights'.length);
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
    it('are named after their hash, from buffers and streams', async () => {
      const key = contentKey('images', sha256('picture'), 'webp');
      const first = await store.putContent('images', 'webp', Buffer.from('picture'));
      expect(first).toEqual({ key, bytes: 7, sha256: sha256('picture') });
      expect(await store.putContent('images', 'webp', Buffer.from('picture'))).toEqual(first);
      expect(await store.putContent('images', 'webp', pieces('pic', 'ture'))).toEqual(first);
      expect((await store.get(key)).toString()).toBe('picture');
    });
  });

  describe('objects that nobody wants any more', () => {
    const old = () => new Date(Date.now() - 60_000);
    const soon = () => new Date(Date.now() + 60_000);

    it('are removed unless they were written since, or put again', async () => {
      const { key } = await store.putContent('images', 'webp', Buffer.from('superseded'));
      expect(await store.deleteUntouched(key, old())).toBe(false);
      expect((await store.get(key)).toString()).toBe('superseded');
      expect(await store.deleteUntouched(key, soon())).toBe(true);
      expect(await store.head(key)).toBeUndefined();
      expect(await store.deleteUntouched(key, soon())).toBe(false);
    });

    it.each(['a buffer', 'a stream'])('are as if written now when %s of the same bytes is put', async (form) => {
      const bytes = Buffer.from('wanted again');
      const { key } = await store.putContent('images', 'webp', bytes);
      const before = (await store.head(key))!.modifiedAt;
      await sleep(clockMs);
      const body = form === 'a buffer' ? bytes : Readable.from([bytes]);
      await store.putContent('images', 'webp', body);
      expect((await store.head(key))!.modifiedAt.getTime()).toBeGreaterThan(before.getTime());
      expect((await store.get(key)).toString()).toBe('wanted again');
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
  });

  it('keeps the old object when the source of a new one breaks', async () => {
    await store.put('lists/v1', Buffer.from('old'));
    async function* breaking() {
      yield Buffer.from('ne');
      throw new Error('the source broke');
    }
    await expect(store.put('lists/v1', breaking())).rejects.toThrow('the source broke');
    await expect(store.putContent('lists', 'json', breaking())).rejects.toThrow('the source broke');
    expect((await store.get('lists/v1')).toString()).toBe('old');
    expect(await keysBelow('')).toEqual(['lists/v1']);
  });
}
