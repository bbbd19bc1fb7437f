import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@florilegium/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadBackbone, findBackboneFile } from './backbone-files.ts';
import { type ChooseOptions, chooseBackbone } from './choose-backbone.ts';
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
});
