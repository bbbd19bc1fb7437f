import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from './harness.ts';

/**
 * The cases of the IIIF Image API validator for version 3.0, level 2, on its kind of picture: 1,000 by 1,000 pixels of ten by ten squares, each
 * of a colour of its own, so that what was cut, scaled and turned can be told from the pixels.
 */

const side = 1000;
const square = 100;
let fetcher: Harness;

type Colour = [number, number, number];
const colourAt = (column: number, row: number): Colour => [
  20 + column * 22,
  20 + row * 22,
  (column * 37 + row * 71) % 200,
];

async function drawSquares(columns: number, rows: number): Promise<Buffer> {
  const width = columns * square;
  const raw = Buffer.alloc(width * rows * square * 3);
  for (let y = 0; y < rows * square; y++)
    for (let x = 0; x < width; x++)
      raw.set(colourAt(Math.floor(x / square), Math.floor(y / square)), (y * width + x) * 3);
  return await sharp(raw, { raw: { width, height: rows * square, channels: 3 } })
    .webp({ lossless: true, effort: 0 })
    .toBuffer();
}

beforeAll(async () => {
  fetcher = await startHarness();
  await fetcher.start({ role: 'worker' });
  const full = await drawSquares(10, 10);
  fetcher.source.pictures.set('701/full', full);
  fetcher.source.pictures.set('701/medium', await sharp(full).resize(465, 465).webp({ lossless: true }).toBuffer());
  fetcher.source.pictures.set('702/full', await drawSquares(8, 5));
  fetcher.source.missing.add(799);
});
afterAll(() => fetcher?.close());

const get = (path: string, headers: Record<string, string> = {}, page = 701) =>
  fetcher.get(`/iiif/3/${page}/${path}`, headers);

async function pictureOf(path: string, page = 701) {
  const response = await get(path, {}, page);
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${bytes}`);
  const { format } = await sharp(bytes).metadata();
  const { data, info } = await sharp(bytes)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixel = (x: number, y: number): Colour => {
    const at = (y * info.width + x) * info.channels;
    return [data[at]!, data[at + Math.min(1, info.channels - 1)]!, data[at + Math.min(2, info.channels - 1)]!];
  };
  return { format, width: info.width, height: info.height, pixel, response };
}

/** JPEG and scaling blur a little. */
const isNear = (a: Colour, b: Colour) => a.every((value, index) => Math.abs(value - b[index]!) < 12);
const expectNear = (a: Colour, b: Colour, where = '') => expect(isNear(a, b), `${where} ${a} is not ${b}`).toBe(true);
const statusOf = async (path: string) => (await get(path)).status;

describe('info.json', () => {
  it('states the image, the level, sizes and tiles, as JSON or as JSON-LD', async () => {
    const response = await get('info.json');
    expect(response.headers.get('content-type')).toContain('application/json');
    const origin = new URL(response.url).origin;
    expect(await response.json()).toMatchObject({
      '@context': 'http://iiif.io/api/image/3/context.json',
      id: `${origin}/iiif/3/701`,
      type: 'ImageService3',
      protocol: 'http://iiif.io/api/image',
      profile: 'level2',
      width: side,
      height: side,
      maxArea: 25_000_000,
      sizes: [150, 235, 465, 930, 1000].map((width) => ({ width, height: width })),
      tiles: [{ width: 512, scaleFactors: [1, 2] }],
      extraFeatures: expect.arrayContaining(['rotationArbitrary', 'mirroring', 'sizeUpscaling']),
    });
    const linked = await get('info.json', { accept: 'application/ld+json' });
    expect(linked.headers.get('content-type')).toMatch(
      /^application\/ld\+json; ?profile="http:\/\/iiif\.io\/api\/image\/3\/context\.json"/,
    );
  });

  it('names the address that the gateway in front was asked for', async () => {
    const asked = { 'x-forwarded-host': 'plates.example.org', 'x-forwarded-proto': 'https' };
    expect(await (await get('info.json', asked)).json()).toMatchObject({ id: 'https://plates.example.org/iiif/3/701' });
  });

  it('can be read from other origins, also when it is an error', async () => {
    expect((await get('info.json')).headers.get('access-control-allow-origin')).toBe('*');
    expect((await get('full/max/0/default.bmp')).headers.get('access-control-allow-origin')).toBe('*');
    const preflight = await fetch((await get('info.json')).url, { method: 'OPTIONS' });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization, range',
    ]);
  });

  it('is where the bare identifier leads', async () => {
    const bare = await fetcher.get('/iiif/3/701');
    expect([bare.redirected, bare.status, new URL(bare.url).pathname]).toEqual([true, 200, '/iiif/3/701/info.json']);
  });

  it('is 404 for what is no page, what the catalog does not know and what no source has', async () => {
    for (const id of [
      'a-page',
      '0',
      '99999999999',
      '9700',
      '799',
      '%2Fetc',
      '701%2F..',
      'a/b',
      'a%2Fb',
      '[frob]',
      '0701',
    ])
      for (const rest of ['info.json', 'full/max/0/default.jpg'])
        expect((await fetcher.get(`/iiif/3/${id}/${rest}`)).status, `${id}/${rest}`).toBe(404);
  });

  it('and images are found by an identifier in escaped characters', async () => {
    const response = await fetcher.get('/iiif/3/%37%301/info.json');
    expect([response.status, ((await response.json()) as { id: string }).id]).toEqual([
      200,
      `${new URL(response.url).origin}/iiif/3/701`,
    ]);
    expect((await fetcher.get('/iiif/3/%37%301/full/100,/0/default.jpg')).status).toBe(200);
  });
});

describe('region', () => {
  it('full, square, pixels and percent give the part that they name', async () => {
    for (const [region, width, height, column, row] of [
      ['full', 1000, 1000, 0, 0],
      ['square', 1000, 1000, 0, 0],
      ['300,200,100,100', 100, 100, 3, 2],
      ['250,150,300,200', 300, 200, 3, 2],
      ['pct:30,20,10,10', 100, 100, 3, 2],
      // Cut at the edges of the image.
      ['900,900,500,500', 100, 100, 9, 9],
      ['pct:90,80,50,50', 100, 200, 9, 8],
    ] as const) {
      const picture = await pictureOf(`${region}/max/0/default.png`);
      expect([picture.width, picture.height], region).toEqual([width, height]);
      const [x, y] = region === '250,150,300,200' ? [100, 100] : [50, 50];
      expectNear(picture.pixel(x, y), colourAt(column, row), region);
    }
    const middle = await pictureOf('square/max/0/default.png', 702);
    expect([middle.width, middle.height]).toEqual([500, 500]);
    expectNear(middle.pixel(100, 50), colourAt(2, 0));
  });

  it('is 400 when it is empty, outside or no region', async () => {
    for (const region of [
      '0,0,0,10',
      '1000,0,10,10',
      '2000,2000,10,10',
      'pct:100,0,10,10',
      '1,2,3',
      'some',
      '-1,0,10,10',
      'pct:a,0,1,1',
    ])
      expect(await statusOf(`${region}/max/0/default.jpg`), region).toBe(400);
  });
});

describe('size', () => {
  it('max, w, h, percent, exact and confined give the size that they name', async () => {
    for (const [size, width, height] of [
      ['max', 800, 500],
      ['400,', 400, 250],
      [',250', 400, 250],
      ['pct:50', 400, 250],
      ['pct:12.5', 100, 63],
      ['300,400', 300, 400],
      ['!200,200', 200, 125],
      ['!700,250', 400, 250],
      // A box larger than the image gives the image as it is.
      ['!5000,5000', 800, 500],
      ['^1600,', 1600, 1000],
      ['^!1600,1600', 1600, 1000],
      ['^pct:150', 1200, 750],
      ['^400,', 400, 250],
      // As much as the stated area allows: 25 million pixels.
      ['^max', 6324, 3952],
    ] as const) {
      const picture = await pictureOf(`full/${size}/0/default.png`, 702);
      expect([picture.width, picture.height], size).toEqual([width, height]);
      const cell = { width: width / 8, height: height / 5 };
      expectNear(picture.pixel(Math.floor(5.5 * cell.width), Math.floor(3.5 * cell.height)), colourAt(5, 3), size);
    }
  });

  it('of a region is that of the region, from whichever stored size serves it', async () => {
    const picture = await pictureOf('200,400,400,200/100,/0/default.png');
    expect([picture.width, picture.height]).toEqual([100, 50]);
    expectNear(picture.pixel(12, 12), colourAt(2, 4));
    expectNear(picture.pixel(88, 38), colourAt(5, 5));
    await fetcher.get('/v1/images/701?size=medium');
    const fromMedium = await pictureOf('200,400,400,200/100,/0/default.png');
    expect([fromMedium.width, fromMedium.height]).toEqual([100, 50]);
    expectNear(fromMedium.pixel(12, 12), colourAt(2, 4));
    expectNear(fromMedium.pixel(88, 38), colourAt(5, 5));
  });

  it('is 400 when it is 0, beyond the image without ^, beyond the limit, or no size', async () => {
    for (const size of [
      '0,',
      ',0',
      '0,0',
      '!0,10',
      'pct:0',
      'pct:200',
      '2000,',
      ',2000',
      '2000,2000',
      '^9000,9000',
      ',',
      'max,',
      'full',
      '!10',
      '%5E',
      '1e3,',
    ])
      expect(await statusOf(`full/${size}/0/default.jpg`), size).toBe(400);
  });
});

describe('rotation', () => {
  it('turns clockwise by quarters, after mirroring', async () => {
    for (const [rotation, topLeft, topRight] of [
      ['0', [0, 0], [9, 0]],
      ['90', [0, 9], [0, 0]],
      ['180', [9, 9], [0, 9]],
      ['270', [9, 0], [9, 9]],
      ['360', [0, 0], [9, 0]],
      ['!0', [9, 0], [0, 0]],
      ['!90', [9, 9], [9, 0]],
      ['!180', [0, 9], [9, 9]],
    ] as const) {
      const picture = await pictureOf(`full/500,/${rotation}/default.png`);
      expect([picture.width, picture.height], rotation).toEqual([500, 500]);
      expectNear(picture.pixel(25, 25), colourAt(topLeft[0], topLeft[1]), rotation);
      expectNear(picture.pixel(475, 25), colourAt(topRight[0], topRight[1]), rotation);
    }
    const turned = await pictureOf('full/400,/90/default.png', 702);
    expect([turned.width, turned.height]).toEqual([250, 400]);
  });

  it('turns a region as it turns the image', async () => {
    for (const [rotation, column, row] of [
      ['0', 2, 4],
      ['90', 2, 5],
      ['180', 3, 5],
      ['270', 3, 4],
      ['!0', 3, 4],
      ['!90', 3, 5],
    ] as const) {
      const picture = await pictureOf(`200,400,200,200/max/${rotation}/default.png`);
      expect([picture.width, picture.height], rotation).toEqual([200, 200]);
      expectNear(picture.pixel(50, 50), colourAt(column, row), rotation);
    }
    const turned = await pictureOf('pct:20,40,40,20/200,100/90/default.png');
    expect([turned.width, turned.height]).toEqual([100, 200]);
    expectNear(turned.pixel(75, 25), colourAt(2, 4));
    expectNear(turned.pixel(25, 25), colourAt(2, 5));
    expectNear(turned.pixel(75, 175), colourAt(5, 4));
  });

  it('turns by any angle on a larger canvas', async () => {
    const picture = await pictureOf('full/200,/45/default.png');
    expect(Math.abs(picture.width - 283)).toBeLessThan(3);
    expectNear(picture.pixel(2, 2), [255, 255, 255]);
  });

  it('is 400 when it is no angle', async () => {
    for (const rotation of ['-90', 'abc', '361', '!', '90deg'])
      expect(await statusOf(`full/max/${rotation}/default.jpg`), rotation).toBe(400);
  });
});

describe('quality and format', () => {
  it('gives every quality in every format that it states', async () => {
    for (const format of ['jpg', 'png', 'webp']) {
      for (const quality of ['default', 'color', 'gray', 'bitonal']) {
        const picture = await pictureOf(`0,0,400,400/200,/0/${quality}.${format}`);
        expect(picture.format).toBe(format === 'jpg' ? 'jpeg' : format);
        expect(picture.response.headers.get('content-type')).toBe(`image/${format === 'jpg' ? 'jpeg' : format}`);
        const [r, g, b] = picture.pixel(150, 25);
        if (quality === 'gray' || quality === 'bitonal') expect(Math.max(r, g, b) - Math.min(r, g, b)).toBeLessThan(6);
        else expectNear([r, g, b], colourAt(3, 0), format);
        if (quality === 'bitonal') expect(r < 20 || r > 235).toBe(true);
      }
    }
  });

  it('is 400 for others', async () => {
    for (const file of ['native.jpg', 'default.gif', 'default.jp2', 'default', 'default.', '.jpg', 'DEFAULT.jpg'])
      expect(await statusOf(`full/max/0/${file}`), file).toBe(400);
  });
});

describe('headers', () => {
  it('name the canonical address and the profile', async () => {
    const canonicalOf = async (path: string) =>
      /^<[^>]*\/iiif\/3\/701\/([^>]*)>;rel="canonical", <http:\/\/iiif.io\/api\/image\/3\/level2.json>;rel="profile"$/.exec(
        (await get(path)).headers.get('link')!,
      )?.[1];
    expect(await canonicalOf('full/max/0/default.jpg')).toBe('full/max/0/default.jpg');
    expect(await canonicalOf('0,0,1000,1000/1000,1000/360/default.jpg')).toBe('full/max/0/default.jpg');
    expect(await canonicalOf('pct:10,10,20,20/100,/!90.0/gray.png')).toBe('100,100,200,200/100,100/!90/gray.png');
    expect(await canonicalOf('full/%5E!1500,1500/0/default.jpg')).toBe('full/^1500,1500/0/default.jpg');
  });

  it('let the same picture be kept: one ETag for one canonical address, 304 to whoever has it', async () => {
    const first = await get('full/500,/0/default.jpg');
    const etag = first.headers.get('etag')!;
    expect(first.headers.get('cache-control')).toBe('private, max-age=86400');
    expect((await get('pct:0,0,100,100/pct:50/0/default.jpg')).headers.get('etag')).toBe(etag);
    expect((await get('full/499,/0/default.jpg')).headers.get('etag')).not.toBe(etag);
    expect((await get('full/500,/0/default.jpg', { 'if-none-match': etag })).status).toBe(304);
    const info = await get('info.json');
    expect((await get('info.json', { 'if-none-match': info.headers.get('etag')! })).status).toBe(304);
  });
});

it('never states a smaller size as the largest where the largest came corrupt', async () => {
  fetcher.source.planFaults(703, ...Array<'html'>(9).fill('html'));
  const response = await fetcher.get('/iiif/3/703/info.json');
  expect([response.status, response.headers.get('cache-control')]).toEqual([503, 'no-store']);
  expect(await response.json()).toMatchObject({ details: { state: 'corrupt' } });
  expect((await fetcher.get('/v1/images/703?size=large')).status).toBe(200);
});

it('fetched each size of the pages once', () => {
  const asked = fetcher.source.requests.filter((pageId) => pageId === 701 || pageId === 702);
  // 701 full and medium, 702 full.
  expect(asked.sort()).toEqual([701, 701, 702]);
});
