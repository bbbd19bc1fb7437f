import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drawSampleLibrary } from '../sample-library/draw-sample-library.ts';
import { type SimulatedBhl, type SimulatedBhlOptions, startSimulatedBhl } from './simulated-bhl.ts';

const barCode = 'florsampleflowergarden';
const firstPage = 910000001;
let home: string;
let library: string;
let bhl: SimulatedBhl;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'bhl-'));
  library = join(home, 'library');
  await drawSampleLibrary({ dir: library, booksMax: 1, pagesPerBookMax: 3 });
  await writeFile(join(home, 'secret.webp'), 'not of the library');
  await symlink(join(home, 'secret.webp'), join(library, 'web', barCode, `${barCode}_0009_medium.webp`));
});
afterEach(() => bhl?.close());
afterAll(() => rm(home, { recursive: true }));

async function start(options: Partial<SimulatedBhlOptions> = {}): Promise<string> {
  bhl = await startSimulatedBhl({ library, ...options });
  return bhl.url;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${bhl.url}${path}`, { redirect: 'manual', headers });

/** Asks for a path as it is: fetch would resolve its dots. */
const rawStatus = (path: string) =>
  new Promise<number>((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port: bhl.port, path }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });

const imagePath = `/web/${barCode}/${barCode}_0001_medium.webp`;
const imageFile = () => join(library, imagePath);

describe('the simulated BHL', () => {
  it('serves the export files with their length and an ETag', async () => {
    await start();
    const response = await get('/data/page.txt.gz');
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(response.status).toBe(200);
    expect(bytes).toEqual(await readFile(join(library, 'data', 'page.txt.gz')));
    expect(response.headers.get('content-length')).toBe(String(bytes.length));
    expect(response.headers.get('etag')).toMatch(/^"[0-9a-f-]+"$/);
    expect((await get('/data/page.txt.gz', { 'if-none-match': response.headers.get('etag')! })).status).toBe(304);
  });

  it('answers ranges, and HEAD without a body', async () => {
    await start();
    const whole = await readFile(join(library, 'data', 'page.txt.gz'));
    const part = await get('/data/page.txt.gz', { range: 'bytes=5-14' });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 5-14/${whole.length}`);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(5, 15));
    expect((await get('/data/page.txt.gz', { range: `bytes=${whole.length}-` })).status).toBe(416);
    expect((await get('/data/page.txt.gz', { range: 'bytes=0-3', 'if-range': '"another"' })).status).toBe(200);
    const head = await fetch(`${bhl.url}${imagePath}`, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String((await stat(imageFile())).size));
    expect(await head.text()).toBe('');
  });

  it('serves the images, and an aliased size by the file that stands for it', async () => {
    await start();
    const medium = await get(imagePath);
    expect(medium.headers.get('content-type')).toBe('image/webp');
    const bytes = Buffer.from(await medium.arrayBuffer());
    expect(bytes).toEqual(await readFile(imageFile()));
    const full = await get(imagePath.replace('medium', 'full'));
    expect(Buffer.from(await full.arrayBuffer())).toEqual(bytes);
  });

  it.each([
    ['pageimage/910000001', 'full'],
    ['pagethumb/910000001', 'thumb'],
    ['pagethumb/910000001,150,900', 'thumb'],
    ['pagethumb/910000001,151,1', 'small'],
    ['pagethumb/910000001,465,700', 'medium'],
    ['pagethumb/910000001,466,700', 'large'],
    ['pagethumb/910000001,931,1', 'full'],
  ])('redirects %s to the size of its width alone', async (path, size) => {
    await start();
    const response = await get(`/${path}`);
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe(`${bhl.url}/web/${barCode}/${barCode}_0001_${size}.webp`);
  });

  it('redirects an unknown page to a placeholder picture that looks like a page', async () => {
    await start();
    for (const [path, name] of [
      ['/pageimage/5', 'image_not_found.jpg'],
      ['/pagethumb/5,465,700', 'image_not_found_thumb.jpg'],
    ] as const) {
      const response = await get(path);
      expect(response.headers.get('location')).toBe(`${bhl.url}/images/${name}`);
      const picture = await get(`/images/${name}`);
      expect(picture.status).toBe(200);
      expect(picture.headers.get('content-type')).toBe('image/jpeg');
      expect(Buffer.from(await picture.arrayBuffer()).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
    }
  });

  it.each(['abc', '12x', '99999999999', '-3'])('redirects the page id %s to a page that is not found', async (id) => {
    await start();
    const response = await get(`/pageimage/${id}`);
    expect(response.status).toBe(302);
    const target = response.headers.get('location')!;
    expect((await fetch(target)).status).toBe(404);
  });

  it('serves nothing else: no truth, no library.json, no way out of the folder', async () => {
    await start();
    const paths = [
      '/',
      '/truth.csv',
      '/library.json',
      '/data/truth.csv',
      '/data/../truth.csv',
      '/data/..%2ftruth.csv',
      '/data/%2e%2e%2ftruth.csv',
      '/web/../truth.csv',
      '/web/..%2f..%2fsecret.webp',
      `/web/${barCode}/..%2f..%2ftruth.csv`,
      `/web/${barCode}/${barCode}_0001_huge.webp`,
      `/web/${barCode}/${barCode}_0001_medium.png`,
      `/web/${barCode}/${barCode}_0999_medium.webp`,
      `/web/${barCode}`,
      `/web/..//${barCode}_0001_medium.webp`,
      '/data/page.txt',
      '/data/',
    ];
    for (const path of paths) expect([path, await rawStatus(path)]).toEqual([path, 404]);
  });

  it('follows no link out of the library', async () => {
    await start();
    expect((await get(`/web/${barCode}/${barCode}_0009_medium.webp`)).status).toBe(404);
  });

  it('answers 429 with Retry-After over the limit, and goes on after it', async () => {
    await start({ requestsPerSecondMax: 5 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => get(imagePath)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(6);
    expect(refused[0]!.headers.get('retry-after')).toBe('1');
    expect(bhl.counters().throttled).toBe(refused.length);
    await new Promise((resolve) => setTimeout(resolve, 450));
    expect((await get(imagePath)).status).toBe(200);
  });

  it('cuts an answer short: fewer bytes than it announced', async () => {
    await start({ faults: { cutShort: 1, faultyAttemptsMax: 1 } });
    const response = await get(imagePath);
    expect(response.headers.get('content-length')).toBe(String((await stat(imageFile())).size));
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect((await get(imagePath)).status).toBe(200);
    await expect(get(`/pageimage/${firstPage}`).then((redirect) => redirect.text())).rejects.toThrow();
    expect((await get(`/pageimage/${firstPage}`)).status).toBe(302);
  });

  it('sends an error page with status 200, a 5xx, or resets the connection', async () => {
    await start({ faults: { html: 1, faultyAttemptsMax: 1 } });
    const html = await get(imagePath);
    expect([html.status, html.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    bhl.setFaults({ serverError: 1, faultyAttemptsMax: 1 });
    expect((await get(imagePath)).status).toBeGreaterThanOrEqual(500);
    bhl.setFaults({ reset: 1, faultyAttemptsMax: 2 });
    await expect(get(imagePath)).rejects.toThrow();
    await expect(get(imagePath)).rejects.toThrow();
    expect((await get(imagePath)).status).toBe(200);
    expect(bhl.counters().byFault).toEqual({ slow: 0, cutShort: 0, html: 1, serverError: 1, reset: 2 });
  });

  it('answers slowly when asked to, and leaves the export alone unless all is to be faulty', async () => {
    await start({ faults: { slow: 1, slowMs: 200 } });
    const before = performance.now();
    expect((await get(imagePath)).status).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(190);
    bhl.setFaults({ serverError: 1 });
    expect((await get('/data/item.txt.gz')).status).toBe(200);
    bhl.setFaults({ serverError: 1, on: 'all' });
    expect((await get('/data/item.txt.gz')).status).toBeGreaterThanOrEqual(500);
  });

  it('counts what it was asked', async () => {
    await start();
    await get(imagePath);
    await get('/data/item.txt.gz');
    await get(`/pageimage/${firstPage}`);
    await get('/nothing');
    const { requests, byKind, byStatus } = bhl.counters();
    expect({ requests, byKind, byStatus }).toEqual({
      requests: 4,
      byKind: { export: 1, image: 1, redirect: 1, placeholder: 0, unknown: 1 },
      byStatus: { 200: 2, 302: 1, 404: 1 },
    });
    expect(bhl.arrivals().perSecond.reduce((sum, count) => sum + count)).toBe(4);
  });

  it('serves a damaged export as it is, and says so', async () => {
    const damaged = join(home, 'damaged');
    await mkdir(join(damaged, 'data'), { recursive: true });
    const bytes = await readFile(join(library, 'data', 'page.txt.gz'));
    await writeFile(join(damaged, 'data', 'page.txt.gz'), bytes.subarray(0, bytes.length / 2));
    await writeFile(join(damaged, 'data', 'item.txt.gz'), await readFile(join(library, 'data', 'item.txt.gz')));
    await start({ library: damaged });
    expect(bhl.indexFault).toMatch(/page\.txt\.gz/);
    expect((await get('/data/page.txt.gz')).status).toBe(200);
  });

  it('refuses a folder that is no library', async () => {
    await expect(startSimulatedBhl({ library: home })).rejects.toThrow(/no data\/page\.txt\.gz/);
  });
});

describe('the program', () => {
  const main = join(import.meta.dirname, '..', 'simulated-bhl-main.ts');

  it('serves until its parent is gone', async () => {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, LIBRARY: library, HTTP_PORT: '0', EXIT_WITH_PARENT: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const line = await new Promise<string>((resolve) =>
      child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString())),
    );
    const url = /http:\/\/\S+:\d+/.exec(line)![0];
    expect((await fetch(`${url}${imagePath}`)).status).toBe(200);
    child.stdin.end();
    expect(await ended).toBe(0);
  });

  it('says in one line what is wrong with its settings', async () => {
    const env = { ...process.env, LIBRARY: home, HTTP_PORT: '0' };
    const stderr = await new Promise<string>((resolve) =>
      execFile(process.execPath, [main], { env }, (_error, _out, err) => resolve(err)),
    );
    expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/^simulated BHL: .* is no library/)]);
  });
});
