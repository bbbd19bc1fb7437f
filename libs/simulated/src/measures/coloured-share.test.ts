import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { colouredShare, colouredShareAuc } from './coloured-share.ts';

const grey = { r: 200, g: 200, b: 196 };
const red = { r: 210, g: 30, b: 40 };

/** A grey page whose lowest `share` is red. */
async function aPage(share: number): Promise<Buffer> {
  const patch = await sharp({ create: { width: 100, height: Math.max(1, 100 * share), channels: 3, background: red } })
    .png()
    .toBuffer();
  return await sharp({ create: { width: 100, height: 100, channels: 3, background: grey } })
    .composite(share > 0 ? [{ input: patch, gravity: 'south' }] : [])
    .webp({ lossless: true })
    .toBuffer();
}

describe('colouredShare', () => {
  it('is the share of coloured pixels', async () => {
    expect(await colouredShare(await aPage(0.25))).toBeCloseTo(0.25, 2);
    expect(await colouredShare(await aPage(0))).toBe(0);
  });

  it('takes toned paper for colour, which is why it is only the baseline', async () => {
    const toned = { r: 219, g: 190, b: 140 };
    const page = await sharp({ create: { width: 50, height: 50, channels: 3, background: toned } })
      .png()
      .toBuffer();
    expect(await colouredShare(page)).toBe(1);
  });

  it('finds no colour in a grey image of one channel', async () => {
    const page = await sharp({ create: { width: 50, height: 50, channels: 3, background: grey } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect(await colouredShare(page)).toBe(0);
  });
});

describe('colouredShareAuc', () => {
  let library: string;
  beforeEach(async () => {
    library = await mkdtemp(join(tmpdir(), 'shares-'));
    await mkdir(join(library, 'data'));
    await mkdir(join(library, 'web', 'book'), { recursive: true });
    await writeFile(join(library, 'data', 'page.txt.gz'), '');
    await writeFile(join(library, 'library.json'), JSON.stringify({ aliases: { medium: 'full' } }));
  });
  afterEach(() => rm(library, { recursive: true }));

  it('judges the aliased medium images; leaves out NOT_SURE, unknown pages and pages without a readable image', async () => {
    // HQ: 0.4 and 0.1 coloured; LQ: 0.2. One of two pairs is in order.
    for (const [sequence, share] of [
      [1, 0.4],
      [2, 0.1],
      [3, 0.2],
      [4, 0.9],
    ] as const)
      await writeFile(join(library, 'web', 'book', `book_000${sequence}_full.webp`), await aPage(share));
    await writeFile(join(library, 'web', 'book', 'book_0007_full.webp'), 'no image');
    const truth = new Map([
      [11, 'HQ'],
      [12, 'HQ'],
      [13, 'LQ'],
      [14, 'NOT_SURE'],
      [15, 'LQ'],
      [17, 'HQ'],
    ] as const);
    const pages = [1, 2, 3, 4, 5, 6, 7].map((sequence) => ({ pageId: 10 + sequence, barCode: 'book', sequence }));
    expect(await colouredShareAuc({ library, pages, truth })).toBe(0.5);
  });
});
