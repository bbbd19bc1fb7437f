import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTruth } from '../truth.ts';
import { drawSampleLibrary } from './draw-sample-library.ts';

const small = { booksMax: 2, pagesPerBookMax: 6 };
let home: string;
let dir: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sample-'));
  dir = join(home, 'library');
  await drawSampleLibrary({ dir, ...small });
});
afterAll(() => rm(home, { recursive: true }));

async function hashes(library: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(library, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      found.set(
        path.slice(library.length),
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      );
    }
  return found;
}

const linesOf = async (name: string) =>
  gunzipSync(await readFile(join(dir, 'data', name)))
    .toString('utf8')
    .split('\r\n');

describe('drawSampleLibrary', () => {
  it("writes BHL's export form: byte order mark, tabs, CR LF, all columns in every row", async () => {
    for (const [name, first, columns] of [
      ['page.txt.gz', 'PageID', 10],
      ['item.txt.gz', 'ItemID', 20],
      ['title.txt.gz', 'TitleID', 13],
    ] as const) {
      const lines = await linesOf(name);
      expect(lines[0]!.startsWith(`\uFEFF${first}\t`)).toBe(true);
      expect(lines.at(-1)).toBe('');
      for (const line of lines.slice(0, -1)) expect(line.split('\t')).toHaveLength(columns);
    }
  });

  it('has three sizes of each page at the bucket path, as wide as BHL makes them', async () => {
    const barCode = (await linesOf('item.txt.gz'))[1]!.split('\t')[3]!;
    for (const [size, width] of [
      ['thumb', 150],
      ['small', 235],
      ['medium', 465],
    ] as const) {
      const {
        width: found,
        height,
        format,
      } = await sharp(join(dir, 'web', barCode, `${barCode}_0003_${size}.webp`)).metadata();
      expect({ found, format }).toEqual({ found: width, format: 'webp' });
      expect(height! / width).toBeGreaterThan(1.35);
    }
    expect(JSON.parse(await readFile(join(dir, 'library.json'), 'utf8')).aliases).toEqual({
      large: 'medium',
      full: 'medium',
    });
    expect(await readdir(join(dir, 'web', barCode))).toHaveLength(6 * 3);
  });

  it('knows the truth of every page, and no other', async () => {
    const pageIds = new Set((await linesOf('page.txt.gz')).slice(1, -1).map((line) => Number(line.split('\t')[0])));
    const truth = await readTruth(dir);
    expect([...truth.keys()].sort()).toEqual([...pageIds].sort());
    expect(pageIds.size).toBe(12);
  });

  it('draws plates in colour and their paper in tone', async () => {
    const plate = (await readFile(join(dir, 'truth.csv'), 'utf8'))
      .split('\n')
      .find((line) => line.includes(',coloured_plate,'))!;
    const page = (await linesOf('page.txt.gz')).find((line) => line.startsWith(plate.split(',')[0]!))!.split('\t');
    const barCode = plate.split(',')[3]!;
    const image = sharp(join(dir, 'web', barCode, `${barCode}_${page[2]!.padStart(4, '0')}_medium.webp`));
    const { channels } = await image.stats();
    const [red, , blue] = channels;
    expect(red!.mean).toBeGreaterThan(blue!.mean + 8);
    for (const { stdev } of channels) expect(stdev).toBeGreaterThan(12);
  });

  it('draws the same bytes from the same seed, and other pictures from another', async () => {
    const [again, other] = [join(home, 'again'), join(home, 'other')];
    await drawSampleLibrary({ dir: again, ...small });
    await drawSampleLibrary({ dir: other, seed: 2, ...small });
    const [first, second, third] = await Promise.all([hashes(dir), hashes(again), hashes(other)]);
    expect(second).toEqual(first);
    const images = [...first].filter(([path]) => path.endsWith('medium.webp'));
    expect(images.filter(([path, hash]) => third.get(path) === hash)).toEqual([]);
  });

  it('reuses a finished library and tells how far it is while drawing', async () => {
    const progress: number[] = [];
    const target = join(home, 'progress');
    const drawn = await drawSampleLibrary({
      dir: target,
      booksMax: 1,
      pagesPerBookMax: 3,
      onProgress: (done) => progress.push(done),
    });
    expect(drawn).toEqual({ dir: target, pageCount: 3, bookCount: 1, reused: false });
    expect(progress).toEqual([1, 2, 3]);
    const again = await drawSampleLibrary({
      dir: target,
      booksMax: 1,
      pagesPerBookMax: 3,
      onProgress: () => expect.unreachable(),
    });
    expect(again.reused).toBe(true);
  });

  it('leaves a folder that is not its own as it is', async () => {
    const foreign = join(home, 'foreign');
    await mkdir(foreign);
    await writeFile(join(foreign, 'thesis.txt'), 'mine');
    await expect(drawSampleLibrary({ dir: foreign, ...small })).rejects.toThrow(/not a sample library/);
    expect(await readFile(join(foreign, 'thesis.txt'), 'utf8')).toBe('mine');
  });

  it('leaves nothing behind when it is stopped, and clears away what a killed drawing left', async () => {
    const target = join(home, 'stopped');
    const abandoned = `${target}.drawing-999999999`;
    await mkdir(join(abandoned, 'web'), { recursive: true });
    const controller = new AbortController();
    const drawing = drawSampleLibrary({
      dir: target,
      ...small,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(drawing).rejects.toThrow();
    expect((await readdir(home)).filter((name) => name.startsWith('stopped'))).toEqual([]);
    expect(existsSync(abandoned)).toBe(false);
  });
});
