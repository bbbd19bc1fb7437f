import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { unavailable } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFiles } from '../src/clients/image-files.client.ts';
import { createStore } from '../src/store.ts';
import { forgetOldRuns } from '../src/usecases/forget-old-runs.ts';
import { readImage } from '../src/usecases/read-image.ts';
import { type Harness, pageIdsFrom, startHarness, until } from './harness.ts';

let fetcher: Harness;
let worker: Awaited<ReturnType<Harness['start']>>;
const ids = pageIdsFrom(100, 12);
const size = 'IMAGE_SIZE_MEDIUM';
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  fetcher = await startHarness();
  worker = await fetcher.start({ role: 'worker' });
  fetcher.source.missing.add(111);
  const { id } = await fetcher.startRun({ pageIds: ids });
  await fetcher.endOf(id);
});
afterAll(() => fetcher?.close());

const stateOf = async (pageId: number) => (await fetcher.rpc.getImageStates({ pageIds: [pageId], size })).images[0]!;

async function fileOf(pageId: number): Promise<string> {
  const { sha256 } = await stateOf(pageId);
  return (await fetcher.storedFiles()).find((path) => path.includes(sha256))!;
}

describe('GET /v1/images/{pageId}', () => {
  it('gives the bytes with their type, length, hash as ETag and a name', async () => {
    const image = await fetcher.source.imageOf(100);
    const response = await fetcher.get('/v1/images/100?size=medium');
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(image)).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/webp',
      'content-length': String(image.length),
      etag: `"${hashOf(image)}"`,
      'cache-control': 'private, max-age=86400',
      'accept-ranges': 'bytes',
      'content-disposition': 'inline; filename="100.webp"',
      'x-content-type-options': 'nosniff',
    });
  });

  it('answers 304 to whoever has it, 206 to a range, 416 past the end, and HEAD without a body', async () => {
    const image = await fetcher.source.imageOf(101);
    const etag = `"${hashOf(image)}"`;
    expect((await fetcher.get('/v1/images/101', { 'if-none-match': `"other", W/${etag}` })).status).toBe(304);
    const part = await fetcher.get('/v1/images/101', { range: 'bytes=4-11' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 4-11/${image.length}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(image.subarray(4, 12))).toBe(true);
    const stale = await fetcher.get('/v1/images/101', { range: 'bytes=4-11', 'if-range': '"other"' });
    expect(stale.status).toBe(200);
    expect((await stale.arrayBuffer()).byteLength).toBe(image.length);
    const head = await fetcher.get('/v1/images/101', {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
      200,
      `${image.length}`,
      etag,
    ]);
    expect((await head.arrayBuffer()).byteLength).toBe(0);
    const past = await fetcher.get('/v1/images/101', { range: `bytes=${image.length}-` });
    expect([past.status, past.headers.get('content-range')]).toEqual([416, `bytes */${image.length}`]);
  });

  it('says in its 404 why there is no image', async () => {
    const missing = await fetcher.get('/v1/images/111');
    expect(missing.headers.get('content-type')).toContain('application/problem+json');
    expect(await missing.json()).toMatchObject({
      status: 404,
      code: 'not_found',
      details: { state: 'missing', detail: 'bucket: status 404' },
    });
    expect((await fetcher.get('/v1/images/9500')).status).toBe(404);
    expect((await fetcher.get('/v1/images/zero')).status).toBe(400);
  });
});

describe('gRPC', () => {
  it('streams stored images in the order asked, with what is known of them, and leaves out the others', async () => {
    const wanted = [105, 111, 100, 4711, 103];
    const streamed = [];
    for await (const { info, content } of fetcher.rpc.streamImages({ pageIds: wanted, size }))
      streamed.push({ info, content });
    expect(streamed.map(({ info }) => info!.pageId)).toEqual([105, 100, 103]);
    for (const { info, content } of streamed) {
      const image = await fetcher.source.imageOf(info!.pageId);
      expect(content.equals(image)).toBe(true);
      expect(info).toMatchObject({
        state: 'IMAGE_STATE_STORED',
        sha256: hashOf(image),
        mediaType: 'image/webp',
        width: 46,
        height: 73 + (info!.pageId % 5),
        bytes: image.length,
        source: 'bucket',
      });
      expect(Math.abs(info!.fetchedAt!.getTime() - Date.now())).toBeLessThan(120_000);
    }
  });

  it('streams large images in parts no larger than the reader takes, the first of each with what is known of it', async () => {
    const parts: { pageId: number | undefined; content: Buffer }[] = [];
    for await (const { info, content } of fetcher.rpc.streamImages({ pageIds: [105, 100], size, partBytesMax: 16 }))
      parts.push({ pageId: info?.pageId, content: Buffer.from(content) });
    expect(parts.every(({ content }) => content.length <= 16)).toBe(true);
    expect(parts.flatMap(({ pageId }) => pageId ?? [])).toEqual([105, 100]);
    const second = parts.findIndex(({ pageId }) => pageId === 100);
    const whole = (some: typeof parts) => Buffer.concat(some.map(({ content }) => content));
    expect(whole(parts.slice(0, second)).equals(await fetcher.source.imageOf(105))).toBe(true);
    expect(whole(parts.slice(second)).equals(await fetcher.source.imageOf(100))).toBe(true);
  });

  it('tells the state of each page asked for, and refuses more than 500', async () => {
    const { images } = await fetcher.rpc.getImageStates({ pageIds: [100, 111, 4711], size });
    expect(images.map((image) => image.state)).toEqual([
      'IMAGE_STATE_STORED',
      'IMAGE_STATE_MISSING',
      'IMAGE_STATE_UNKNOWN',
    ]);
    await expect(fetcher.rpc.getImageStates({ pageIds: pageIdsFrom(1, 501), size })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });
});

describe('images that are decoded before they are stored', () => {
  it('are refused when a decoder fails on them, though their container is whole', async () => {
    const decoding = await fetcher.start({ role: 'worker', decodeImages: true });
    const whole = await fetcher.source.imageOf(120);
    // The picture's data begins 30 bytes in: RIFF, WEBP, the chunk's head and the frame's.
    fetcher.source.pictures.set('120/medium', Buffer.from(whole.map((byte, at) => (at > 30 ? byte ^ 0x5a : byte))));
    await worker.stop();
    const { id } = await fetcher.startRun({ pageIds: [120, 121] });
    const run = await fetcher.endOf(id);
    await decoding.stop();
    worker = await fetcher.start({ role: 'worker' });
    expect(run).toMatchObject({ storedCount: 1, failedCount: 1 });
    expect(await stateOf(120)).toMatchObject({
      state: 'IMAGE_STATE_CORRUPT',
      detail: expect.stringContaining('cannot be decoded'),
    });
  });
});

describe('a size that is not stored', () => {
  it('is fetched once for all who ask, ahead of long runs, and kept', async () => {
    fetcher.source.delayMs = 50;
    fetcher.pageSets.set('long', pageIdsFrom(2000, 400));
    const long = await fetcher.startRun({ pageSetId: 'long' });
    const from = fetcher.source.requests.length;
    const answers = await Promise.all(Array.from({ length: 10 }, () => fetcher.get('/v1/images/501?size=small')));
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200));
    expect((await fetcher.runOf(long.id)).state).toBe('running');
    await fetcher.post(`/v1/fetch-runs/${long.id}/cancel`);
    fetcher.source.delayMs = 0;
    expect(fetcher.source.requests.slice(from).filter((pageId) => pageId === 501)).toEqual([501]);
    expect((await fetcher.get('/v1/images/501?size=small')).status).toBe(200);
    expect(fetcher.source.requests.filter((pageId) => pageId === 501)).toEqual([501]);
    const { fetchRuns } = (await (await fetcher.get('/v1/fetch-runs')).json()) as { fetchRuns: { id: string }[] };
    expect(fetchRuns[0]!.id).toBe(long.id);
  });

  it('is 202 with Retry-After while it takes too long, and there later', async () => {
    const hasty = await fetcher.start({ role: 'api', demandWaitMs: 200 });
    fetcher.source.delayMs = 1500;
    const ask = () => fetch(`http://127.0.0.1:${hasty.httpPort}/v1/images/502?size=small`);
    const coming = await ask();
    expect([coming.status, coming.headers.get('retry-after'), coming.headers.get('cache-control')]).toEqual([
      202,
      '5',
      'no-store',
    ]);
    fetcher.source.delayMs = 0;
    await until(async () => (await ask()).status === 200);
    expect(fetcher.source.requests.filter((pageId) => pageId === 502)).toEqual([502]);
  });

  it('leaves a run that is cleared after its day; the image stays', async () => {
    const store = createStore(fetcher.db);
    const demandedCount = async () =>
      (await fetcher.db.kysely.selectFrom('fetch_run').select('id').where('on_demand', '=', true).execute()).length;
    await until(async () => (await fetcher.get('/v1/images/101?size=small')).status === 200);
    expect(await forgetOldRuns({ store }, new AbortController().signal)).toBe(0);
    await until(async () => {
      await forgetOldRuns({ store }, new AbortController().signal, 0);
      return (await demandedCount()) === 0;
    });
    const before = fetcher.source.requests.length;
    expect((await fetcher.get('/v1/images/101?size=small')).status).toBe(200);
    expect(fetcher.source.requests.length).toBe(before);
  });

  it('is 404 with the reason where no source has it', async () => {
    fetcher.source.missing.add(503);
    expect(await (await fetcher.get('/v1/images/503?size=small')).json()).toMatchObject({
      status: 404,
      details: { state: 'missing' },
    });
  });
});

describe('damage', () => {
  it('reported by a reader makes the page corrupt; the same bytes are not taken again, better ones are', async () => {
    const { sha256 } = await stateOf(107);
    const report = { pageId: 107, size, reason: 'Huffman table' } as const;
    await fetcher.rpc.reportCorruptImage({ ...report, sha256: hashOf(Buffer.from('other')) });
    expect((await stateOf(107)).state).toBe('IMAGE_STATE_STORED');
    await fetcher.rpc.reportCorruptImage({ ...report, sha256 });
    expect(await stateOf(107)).toMatchObject({
      state: 'IMAGE_STATE_CORRUPT',
      detail: 'cannot be decoded: Huffman table',
    });
    expect((await fetcher.get('/v1/images/107')).status).toBe(404);

    const again = await fetcher.startRun({ pageIds: [107] });
    expect(await fetcher.endOf(again.id)).toMatchObject({ storedCount: 0, failedCount: 1 });
    expect((await stateOf(107)).detail).toContain('could not be decoded before');
  });

  it('of a stored file is never served: the page becomes corrupt and the next run mends it', async () => {
    const image = await fetcher.source.imageOf(108);
    const flipped = Buffer.from(image);
    flipped[image.length - 3]! ^= 1;
    await writeFile(await fileOf(108), flipped);
    const streamed: number[] = [];
    for await (const { info } of fetcher.rpc.streamImages({ pageIds: [108, 109], size })) streamed.push(info!.pageId);
    expect(streamed).toEqual([109]);
    expect(await stateOf(108)).toMatchObject({
      state: 'IMAGE_STATE_CORRUPT',
      detail: expect.stringContaining('damaged'),
    });

    const { id } = await fetcher.startRun({ pageIds: [108] });
    expect(await fetcher.endOf(id)).toMatchObject({ storedCount: 1, fetchedCount: 1 });
    const response = await fetcher.get('/v1/images/108');
    expect(Buffer.from(await response.arrayBuffer()).equals(image)).toBe(true);
  });

  it('never leaves under the good hash: a small image is checked before it is sent, a large one breaks off', async () => {
    const noise = sharp(randomBytes(700 * 700 * 3), { raw: { width: 700, height: 700, channels: 3 } });
    fetcher.source.pictures.set('123/medium', await noise.png().toBuffer());
    await fetcher.endOf((await fetcher.startRun({ pageIds: [123] })).id);
    for (const pageId of [106, 123]) {
      const whole = Buffer.from(await (await fetcher.get(`/v1/images/${pageId}`)).arrayBuffer());
      const file = await fileOf(pageId);
      await writeFile(file, Buffer.from(whole.map((byte, at) => (at === 40 ? byte ^ 1 : byte))));
      const response = await fetcher.get(`/v1/images/${pageId}`);
      if (pageId === 106)
        expect([response.status, response.headers.get('etag'), response.headers.get('cache-control')]).toEqual([
          503,
          null,
          'no-store',
        ]);
      else await expect(response.arrayBuffer()).rejects.toThrow();
      await until(async () => (await stateOf(pageId)).state === 'IMAGE_STATE_CORRUPT');
      const mended = await fetcher.get(`/v1/images/${pageId}`);
      expect(Buffer.from(await mended.arrayBuffer()).equals(whole)).toBe(true);
    }
  });

  it('is not what a store that is away or refuses us tells: nothing is withdrawn or removed', async () => {
    const away = {
      ...fetcher.objects,
      get: async () => {
        throw unavailable('object store: SlowDown');
      },
    };
    const image = await createStore(fetcher.db).images.findImage(105, 'medium');
    if (image.state !== 'stored') throw new Error(image.state);
    const deps = { store: createStore(fetcher.db), files: imageFiles(away), log: silentLog };
    await expect(readImage(deps, image)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(fetcher.check({ mend: true, readBytes: true }, away)).rejects.toMatchObject({ code: 'unavailable' });
    expect((await stateOf(105)).state).toBe('IMAGE_STATE_STORED');
    expect((await fetcher.get('/v1/images/105')).status).toBe(200);
  });

  it('by a file that was cut short is mended by the next run and by whoever asks', async () => {
    await writeFile(await fileOf(110), 'cut');
    const { id } = await fetcher.startRun({ pageIds: [110] });
    expect(await fetcher.endOf(id)).toMatchObject({ storedCount: 1, fetchedCount: 1 });
    expect((await fetcher.get('/v1/images/110')).status).toBe(200);
    await writeFile(await fileOf(110), 'cut');
    const mended = await fetcher.get('/v1/images/110');
    expect(Buffer.from(await mended.arrayBuffer()).equals(await fetcher.source.imageOf(110))).toBe(true);
  });
});
