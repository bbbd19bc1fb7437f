import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@florilegium/log';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadBackbone, findBackboneFile } from './backbone-files.ts';
import { readBackboneManifests } from './backbone-manifests.ts';
import { type ChooseOptions, chooseBackbone } from './choose-backbone.ts';
import { createEmbedder, tryOutBackbone } from './embedder.ts';
import { tinyBackbone, tinyModel } from './tiny-backbone.fixture.ts';

let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backbone-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const serve = async (answer: (path: string, response: ServerResponse) => void) => {
  server = createServer((request, response) => answer(request.url!, response));
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return { ...tinyBackbone, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tiny.onnx` };
};
const stored = () => findBackboneFile(tinyBackbone, [folder]);

describe('a backbone file', () => {
  it('is known by its hash, whatever its name', async () => {
    await writeFile(join(folder, 'a.onnx'), Buffer.alloc(tinyModel.length));
    await writeFile(join(folder, 'b.bin'), tinyModel);
    expect(await findBackboneFile(tinyBackbone, [join(folder, 'none'), folder])).toBe(join(folder, 'b.bin'));
  });

  it('is downloaded, redirects followed, and then found', async () => {
    const manifest = await serve((path, response) =>
      path === '/tiny.onnx' ? response.writeHead(302, { location: '/store' }).end() : response.end(tinyModel),
    );
    const result = await downloadBackbone(manifest, { cacheFolder: folder });
    expect(result).toEqual({ kind: 'stored', path: await stored() });
  });

  it.each([
    ['of another hash', (response: ServerResponse) => response.end(Buffer.alloc(tinyModel.length)), 'its sha256 is'],
    [
      'that is cut',
      (response: ServerResponse) => response.end(tinyModel.subarray(0, 50)),
      `ended after 50 of ${tinyModel.length}`,
    ],
    ['that is too long', (response: ServerResponse) => response.end(Buffer.alloc(tinyModel.length + 1)), 'longer than'],
    ['that is not there', (response: ServerResponse) => response.writeHead(404).end(), 'HTTP 404'],
    ['that never comes', () => {}, 'not there after 0.3 s'],
  ])('%s is refused, and nothing of it stays', async (_name, answer, reason) => {
    const manifest = await serve((_path, response) => answer(response));
    // Only what never comes is waited for shortly: a busy machine may take a second for the others.
    const timeoutMs = reason.startsWith('not there after') ? 300 : 20_000;
    const result = await downloadBackbone(manifest, { cacheFolder: folder, timeoutMs });
    expect(result).toMatchObject({ kind: 'failed', reason: expect.stringContaining(reason) });
    expect(await stored()).toBeUndefined();
  });
});

describe('the choice of a backbone', () => {
  const choose = (options: Partial<ChooseOptions>) =>
    chooseBackbone({
      wish: 'auto',
      recorded: undefined,
      folders: [folder],
      cacheFolder: join(folder, 'cache'),
      offline: true,
      log: silentLog,
      tryOut: async () => {},
      ...options,
    });

  it('falls back to classic and says why', async () => {
    expect(await choose({})).toMatchObject({
      recipe: { name: 'classic', backbone: undefined },
      canEmbed: true,
      note: expect.stringContaining('FLORILEGIUM_OFFLINE forbids'),
    });
  });

  it('keeps the backbone that the pages were embedded with, even without its weights', async () => {
    expect(await choose({ recorded: 'mobilenet-v2-uint8+statistics-1' })).toMatchObject({
      recipe: { name: 'mobilenet-v2-uint8+statistics-1' },
      canEmbed: false,
      note: expect.stringContaining('no page can be embedded'),
    });
    expect((await choose({ recorded: 'classic' })).recipe.name).toBe('classic');
  });

  it('asked for by name, never serves another, nor embeds anew what is embedded already', async () => {
    expect(await choose({ wish: 'mobilenet-v2', recorded: 'mobilenet-v2+statistics-1' })).toMatchObject({
      recipe: { name: 'mobilenet-v2+statistics-1' },
      canEmbed: false,
    });
    for (const recorded of [undefined, 'classic', 'mobilenet-v2-uint8+statistics-1'])
      await expect(choose({ wish: 'mobilenet-v2', recorded })).rejects.toThrow(
        'backbone mobilenet-v2 cannot be used: the weights of mobilenet-v2 were not found',
      );
    await expect(choose({ wish: 'resnet' })).rejects.toThrow(
      'backbone resnet is not known; there are auto, mobilenet-v2, mobilenet-v2-uint8, classic',
    );
    expect((await choose({ wish: 'classic', recorded: 'mobilenet-v2+statistics-1' })).recipe.name).toBe('classic');
  });
});

describe('a manifest file', () => {
  const { address: _, ...tiny } = tinyBackbone;
  const write = (manifest: unknown, name = 'tiny.json') =>
    writeFile(join(folder, name), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  const choose = (wish: string, recorded?: string) =>
    chooseBackbone({
      wish,
      recorded,
      folders: [folder],
      cacheFolder: join(folder, 'cache'),
      offline: true,
      log: silentLog,
      tryOut: tryOutBackbone,
    });
  const channelsOf = async (wish: string) => {
    const { recipe, file } = await choose(wish);
    const embedder = await createEmbedder({ recipe, file, threads: 1, log: silentLog });
    const page = sharp({ create: { width: 60, height: 90, channels: 3, background: 'rgb(255,51,0)' } });
    const result = await embedder.embed(await page.png().toBuffer());
    await embedder.close();
    if (result.kind !== 'embedded') throw new Error(result.reason);
    return [...result.values.subarray(0, 3)].map((value) => Number(value.toFixed(3)));
  };

  it('describes one more backbone, with its own side and normalisation, beside the other JSON of a model', async () => {
    await writeFile(join(folder, 'weights.onnx'), tinyModel);
    await write({ model_type: 'dinov2', hidden_size: 384 }, 'config.json');
    await write(tiny);
    const input = { ...tiny.input, values: { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } };
    await write({ ...tiny, name: 'tiny-shifted', input }, 'shifted.json');
    expect((await readBackboneManifests([folder])).map(({ name }) => name)).toEqual(['tiny-shifted', 'tiny']);
    expect(await channelsOf('tiny')).toEqual([1, 0.2, 0]);
    expect(await channelsOf('tiny-shifted')).toEqual([1, -0.6, -1]);
    const [one, other] = [await choose('tiny'), await choose('tiny-shifted')];
    expect(one.recipe.sha256).not.toBe(other.recipe.sha256);
    expect((await choose('auto', 'tiny+statistics-1')).recipe).toEqual(one.recipe);
    await rm(join(folder, 'weights.onnx'));
    expect(await choose('tiny', 'tiny+statistics-1')).toMatchObject({ canEmbed: false, recipe: one.recipe });
    await rm(join(folder, 'tiny.json'));
    await expect(choose('auto', 'tiny+statistics-1')).rejects.toThrow('no manifest in the folders');
  });

  it.each([
    ['not JSON', '{', 'is not JSON'],
    ['a field missing', { ...tiny, bytes: undefined }, 'bytes'],
    ['a side too large', { ...tiny, input: { ...tiny.input, side: 518 } }, 'input.side: must be <= 448'],
    ['a hash that is none', { ...tiny, sha256: 'abc' }, 'sha256: must match'],
    ['a layout that is none', { ...tiny, input: { ...tiny.input, layout: 'CHW' } }, 'input.layout'],
    [
      'a deviation of zero',
      { ...tiny, input: { ...tiny.input, values: { mean: [0, 0, 0], deviation: [1, 0, 1] } } },
      'input.values.deviation.1',
    ],
    ['a field that is not known', { ...tiny, side: 3 }, 'side'],
    ['a name that is taken', { ...tiny, name: 'mobilenet-v2' }, 'name: mobilenet-v2 is built in'],
  ])('with %s is refused, naming file and field', async (_name, manifest, fault) => {
    await write(manifest, 'bad.json');
    const told = choose('auto');
    await expect(told).rejects.toMatchObject({ code: 'failed_precondition' });
    await expect(told).rejects.toThrow(`${join(folder, 'bad.json')}`);
    await expect(told).rejects.toThrow(fault);
  });
});
