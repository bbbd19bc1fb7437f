import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourcesOf } from './commands/download.ts';

const bin = fileURLToPath(new URL('../bin/florilegium.mjs', import.meta.url));

/** A PNG header alone would not pass; this is the smallest lossless WebP, with a tail that makes every page's bytes its own. */
function imageOf(pageId: number): Buffer {
  const picture = Buffer.from('2f00000000888808', 'hex');
  const own = Buffer.alloc(4);
  own.writeUInt32LE(pageId);
  const chunk = (type: string, data: Buffer) => {
    const head = Buffer.alloc(8);
    head.write(type, 'latin1');
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
  };
  const body = Buffer.concat([Buffer.from('WEBP'), chunk('VP8L', picture), chunk('OWN ', own)]);
  const riff = Buffer.alloc(8);
  riff.write('RIFF', 'latin1');
  riff.writeUInt32LE(body.length, 4);
  return Buffer.concat([riff, body]);
}

let dir: string;
let server: Server;
let source: string;
let asked: number[];
let answer: (pageId: number) => { status?: number; body?: Buffer | string; location?: string } | undefined;
let delayMs: number;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'florilegium-download-'));
  asked = [];
  delayMs = 0;
  answer = () => undefined;
  // As BHL: /pageimage/{id} redirects to web/…
  server = createServer((request, response) => {
    const [, kind, id] = /^\/(pageimage|web)\/(\d+)/.exec(request.url ?? '') ?? [];
    const pageId = Number(id);
    if (kind === 'pageimage') {
      asked.push(pageId);
      const { status, location } = answer(pageId) ?? {};
      if (status) return response.writeHead(status, location ? { location } : {}).end();
      return response.writeHead(302, { location: `/web/${pageId}.webp` }).end();
    }
    setTimeout(() => response.writeHead(200).end(answer(pageId)?.body ?? imageOf(pageId)), delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  source = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

function start(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [bin, 'download', ...args, '--source', source], { cwd: dir });
  children.push(child);
  return child;
}

async function download(...args: string[]): Promise<{ status: number | null; output: string }> {
  const child = start(...args);
  let output = '';
  child.stdout!.on('data', (text) => (output += text));
  child.stderr!.on('data', (text) => (output += text));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output };
}

const filesOf = async () => (await readdir(join(dir, 'out'))).filter((name) => !name.startsWith('.')).sort();

describe('florilegium download', () => {
  it('writes each page under its real extension, follows redirects, and counts start and maximum along the list', async () => {
    await writeFile(join(dir, 'list.txt'), '11\n12\n13\n14\n15');
    const { status, output } = await download(
      'list.txt',
      '--output_dir',
      'out',
      '--start-index',
      '1',
      '--max-count',
      '3',
    );
    expect(output).toContain('3 images');
    expect(status).toBe(0);
    expect(await filesOf()).toEqual(['12.webp', '13.webp', '14.webp', 'failures.csv']);
    for (const pageId of [12, 13, 14])
      expect((await readFile(join(dir, 'out', `${pageId}.webp`))).equals(imageOf(pageId))).toBe(true);
    expect(await readFile(join(dir, 'out', 'failures.csv'), 'utf8')).toBe('PageID,outcome,detail\n');
  });

  it('fetches the last page of a list without a last newline when no maximum is given', async () => {
    await writeFile(join(dir, 'list.txt'), '11\n12');
    expect((await download('list.txt', '--output-dir', 'out')).status).toBe(0);
    expect(await filesOf()).toContain('12.webp');
  });

  it('names every page that failed for good with its reason, and ends with status 1', async () => {
    answer = (pageId) => {
      if (pageId === 21) return { status: 404 };
      if (pageId === 22) return { status: 302, location: 'https://bhl.example/images/image_not_found.jpg' };
      if (pageId === 23) return { status: 403 };
      return undefined;
    };
    await writeFile(join(dir, 'list.txt'), '21\n22\n23\n24\n');
    const { status, output } = await download('list.txt', '--output-dir', 'out');
    expect(status).toBe(1);
    expect(output).toContain('3 pages failed for good');
    const lines = (await readFile(join(dir, 'out', 'failures.csv'), 'utf8')).trim().split('\n').slice(1).sort();
    expect(lines.map((line) => line.split(',').slice(0, 2))).toEqual([
      ['21', 'missing'],
      ['22', 'placeholder'],
      ['23', 'blocked'],
    ]);
    expect(await filesOf()).toEqual(['24.webp', 'failures.csv']);

    // The pages are there now: they are fetched, their lines go, that of a page outside this list stays.
    answer = () => undefined;
    await writeFile(join(dir, 'fewer.txt'), '21\n22\n24\n');
    expect((await download('fewer.txt', '--output-dir', 'out')).status).toBe(0);
    expect(await readFile(join(dir, 'out', 'failures.csv'), 'utf8')).toMatch(
      /^PageID,outcome,detail\n23,blocked,.*\n$/,
    );
    expect(await filesOf()).toEqual(['21.webp', '22.webp', '24.webp', 'failures.csv']);
  });

  it('never writes an error page as an image', async () => {
    answer = (pageId) => (pageId === 31 ? { body: '<html>down</html>' } : undefined);
    await writeFile(join(dir, 'list.txt'), '31\n32');
    expect((await download('list.txt', '--output-dir', 'out')).status).toBe(1);
    expect(await filesOf()).toEqual(['32.webp', 'failures.csv']);
    expect(await readFile(join(dir, 'out', 'failures.csv'), 'utf8')).toContain(
      '31,corrupt,source: not an image: an HTML page',
    );
  }, 60_000);

  it('goes on after SIGKILL without asking again for what is there, and mends what is not whole', async () => {
    delayMs = 30;
    const ids = Array.from({ length: 60 }, (_, index) => 100 + index);
    await writeFile(join(dir, 'list.txt'), ids.join('\n'));
    const child = start('list.txt', '--output-dir', 'out', '--concurrency', '4');
    while (!existsSync(join(dir, 'out')) || (await filesOf()).length < 15)
      await new Promise((wait) => setTimeout(wait, 20));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    const there = (await filesOf()).filter((name) => name.endsWith('.webp')).map((name) => Number.parseInt(name, 10));
    expect(there.length).toBeLessThan(60);
    for (const pageId of there)
      expect((await readFile(join(dir, 'out', `${pageId}.webp`))).equals(imageOf(pageId))).toBe(true);
    await writeFile(join(dir, 'out', `${there[0]}.webp`), imageOf(there[0]!).subarray(0, 20));
    asked.length = 0;
    expect((await download('list.txt', '--output-dir', 'out')).status).toBe(0);
    expect(asked.filter((pageId) => there.includes(pageId))).toEqual([there[0]]);
    for (const pageId of ids)
      expect((await readFile(join(dir, 'out', `${pageId}.webp`))).equals(imageOf(pageId))).toBe(true);
    expect((await readdir(join(dir, 'out'))).filter((name) => name.startsWith('.writing-'))).toEqual([]);
  }, 60_000);

  it('lets several downloads fill one folder, each with its part of the list', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => 400 + index);
    answer = (pageId) => ([400, 419, 420, 439].includes(pageId) ? { status: 404 } : undefined);
    delayMs = 60;
    await writeFile(join(dir, 'list.txt'), ids.join('\n'));
    const slice = (startIndex: number) =>
      download(
        'list.txt',
        '--output-dir',
        'out',
        '--start-index',
        `${startIndex}`,
        '--max-count',
        '20',
        '--concurrency',
        '1',
      );
    const failuresOf = async () =>
      (await readFile(join(dir, 'out', 'failures.csv'), 'utf8').catch(() => ''))
        .split('\n')
        .slice(1, -1)
        .map((line) => Number.parseInt(line, 10));
    const first = slice(0);
    while (!(await failuresOf()).includes(400)) await new Promise((wait) => setTimeout(wait, 10));
    // Being written by a process that lives, this one, and by one that does not.
    await writeFile(join(dir, 'out', `.writing-${process.pid}@${hostname()}@x-0`), 'x');
    await writeFile(join(dir, 'out', `.writing-${2 ** 22 + 1}@${hostname()}@x-0`), 'x');
    expect((await slice(20)).status).toBe(1);
    expect((await first).status).toBe(1);
    expect((await failuresOf()).sort()).toEqual([400, 419, 420, 439]);
    expect((await filesOf()).filter((name) => name.endsWith('.webp'))).toHaveLength(36);
    expect((await readdir(join(dir, 'out'))).filter((name) => name.startsWith('.writing-'))).toEqual([
      `.writing-${process.pid}@${hostname()}@x-0`,
    ]);
  }, 60_000);

  it('follows BHL to its bucket also where BHL is named as the source', () => {
    const named = sourcesOf({ source: 'https://www.biodiversitylibrary.org', concurrency: 4 });
    expect(named).toEqual(sourcesOf({ concurrency: 4 }));
    expect(named.map(({ name }) => name)).toEqual(['bhl', 'bhl-bucket']);
    expect(sourcesOf({ source: 'https://example.org/bhl', concurrency: 4 })).toMatchObject([
      { baseUrl: 'https://example.org/bhl', requestsPerSecond: 1 },
    ]);
  });

  it('keeps to the rate given', async () => {
    await writeFile(join(dir, 'list.txt'), Array.from({ length: 10 }, (_, index) => index + 1).join('\n'));
    const began = performance.now();
    expect((await download('list.txt', '--output-dir', 'out', '--rate', '20')).status).toBe(0);
    // Ten pages are twenty requests, the first at once.
    expect(performance.now() - began).toBeGreaterThan(900);
  });

  it('refuses a folder of another size, an unknown size, a list that is none, and no address', async () => {
    await writeFile(join(dir, 'list.txt'), '1');
    expect((await download('list.txt', '--output-dir', 'out', '--size', 'medium')).status).toBe(0);
    expect((await download('list.txt', '--output-dir', 'out')).output).toContain('holds images of size medium');
    expect((await download('list.txt', '--output-dir', 'x', '--size', 'huge')).output).toContain('huge');
    await writeFile(join(dir, 'bad.txt'), '1\n<html>\n');
    expect((await download('bad.txt', '--output-dir', 'x')).output).toContain('line 2');
    await mkdir(join(dir, 'empty'));
    expect((await download('list.txt', '--output-dir', 'x', '--rate', '0')).status).toBe(1);
  }, 60_000);
});
