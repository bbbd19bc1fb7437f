import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { silentLog } from '@florilegium/log';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createEmbedder, type Embedder, tryOutBackbone } from './embedder.ts';
import { recipeOf } from './embedding-recipe.ts';
import { STATISTICS_DIMS } from './page-statistics.ts';
import { tinyBackbone, tinyModel } from './tiny-backbone.fixture.ts';

let folder: string;
let embedder: Embedder;
const aPage = (background: string) => sharp({ create: { width: 60, height: 90, channels: 3, background } });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedder-'));
  await writeFile(join(folder, 'tiny.onnx'), tinyModel);
  await writeFile(join(folder, 'broken.onnx'), Buffer.from('not a model'));
  embedder = await createEmbedder({
    recipe: recipeOf(tinyBackbone),
    file: join(folder, 'tiny.onnx'),
    threads: 2,
    log: silentLog,
  });
});
afterAll(async () => {
  await embedder?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('embedder', () => {
  it('gives the features of the backbone, then the statistics, of every image it is asked for', async () => {
    const greys = Array.from({ length: 40 }, (_, index) => index * 6);
    const results = await Promise.all(
      greys.map(async (grey) => await embedder.embed(await aPage(`rgb(${grey},10,255)`).png().toBuffer())),
    );
    for (const [index, result] of results.entries()) {
      if (result.kind !== 'embedded') throw new Error(result.reason);
      expect(result.values).toHaveLength(3 + STATISTICS_DIMS);
      expect(result.values[0]).toBeCloseTo(greys[index]! / 255, 3);
      expect(result.values[2]).toBeCloseTo(1, 3);
    }
  });

  it('reads greys, transparency, palettes and every format of BHL alike', async () => {
    const white = [
      await aPage('#fff').webp().toBuffer(),
      await aPage('#fff').jpeg().toBuffer(),
      await aPage('#fff').greyscale().png({ palette: true }).toBuffer(),
      await aPage('#fff').toColourspace('b-w').jpeg().toBuffer(),
      await aPage('#fff').ensureAlpha(0).png().toBuffer(),
      await aPage('#fff').toColourspace('cmyk').jpeg().toBuffer(),
    ];
    for (const content of white) {
      const result = await embedder.embed(content);
      expect(result.kind === 'embedded' && result.values[1]).toBeGreaterThan(0.98);
    }
  });

  it('says why an image is corrupt', async () => {
    const noise = await sharp(Buffer.from(Array.from({ length: 30_000 }, (_, at) => (at * 7919) % 251)), {
      raw: { width: 100, height: 100, channels: 3 },
    })
      .jpeg()
      .toBuffer();
    for (const content of [Buffer.from('<html>'), noise.subarray(0, noise.length / 2), Buffer.alloc(0)]) {
      const result = await embedder.embed(content);
      expect(result).toEqual({ kind: 'corrupt', reason: expect.stringMatching(/./) });
    }
    expect((await embedder.embed(noise)).kind).toBe('embedded');
  });

  it('refuses weights that do not run', async () => {
    await expect(tryOutBackbone(tinyBackbone, join(folder, 'broken.onnx'))).rejects.toThrow('not an ONNX file');
    await expect(tryOutBackbone({ ...tinyBackbone, dimensions: 4 }, join(folder, 'tiny.onnx'))).rejects.toThrow(
      'gave 3 values for 1 pages of 4',
    );
    await expect(tryOutBackbone(tinyBackbone, join(folder, 'tiny.onnx'))).resolves.toBeUndefined();
  });

  it('refuses images while no thread starts in place of the last one, and embeds again once one does', async () => {
    const file = join(folder, 'moving.onnx');
    await writeFile(file, tinyModel);
    const workers: Worker[] = [];
    const single = await createEmbedder({
      recipe: recipeOf(tinyBackbone),
      file,
      threads: 1,
      log: silentLog,
      restartMs: 20,
      startThread: (setup) => {
        const worker = new Worker(new URL('./embedding-thread.ts', import.meta.url), {
          workerData: setup,
          execArgv: [],
        });
        workers.push(worker);
        return worker;
      },
    });
    const page = await aPage('#fff').png().toBuffer();
    await rename(file, join(folder, 'away.onnx'));
    await workers[0]!.terminate();
    // The first may wait for a thread that is starting; none may wait for ever.
    for (let time = 0; time < 2; time++)
      await expect(single.embed(page)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('no embedding thread starts'),
      });
    await rename(join(folder, 'away.onnx'), file);
    await vi.waitFor(async () => expect((await single.embed(page)).kind).toBe('embedded'), { timeout: 10_000 });
    await single.close();
  });
});
