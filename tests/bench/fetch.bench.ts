import { spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchImage, type ImagePage, imageUrl, openImageClient } from '@florilegium/bhl';
import { openObjectStore } from '@florilegium/object-store';
import { Agent } from 'undici';
import { type ImageServer, startImageServer } from './image-server.ts';

export const describe =
  'fetching, checks and files included, against a bare keep-alive client and a curl process per page; growth with concurrency [--only ratio|delay] [--folder DIR]';

const concurrencies = [8, 16, 32, 64];
const pageOf = (pageId: number): ImagePage => ({ pageId, barCode: `book${pageId % 97}`, sequence: pageId });
const noLimit = 100_000;

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: 'string' }, folder: { type: 'string', default: tmpdir() } },
  });
  const { only } = values;
  // Nothing is deleted before the end: ext4 looks for inodes past those of files deleted in the last seconds, one by one, which makes
  // creating a file up to ten times slower for whoever comes next.
  const folder = await mkdtemp(join(values.folder, 'florilegium-bench-'));
  try {
    return await measure(folder, only);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, only: string | undefined): Promise<number> {
  const kept: boolean[] = [];
  const limit = (what: string, value: number, least: number) => {
    const isKept = value >= least;
    kept.push(isKept);
    console.log(`${isKept ? 'ok  ' : 'FAIL'} ${what}: ${value.toFixed(2)} (limit ${least})`);
  };
  if (only === undefined || only === 'ratio') {
    for (const { bytes, count, least } of [
      { bytes: 20 * 1024, count: 8000, least: 0.5 },
      { bytes: 1024 * 1024, count: 400, least: 0.6 },
    ])
      await withServer({ bytes }, async (server) => {
        const label = `${bytes / 1024} KB`;
        const bare = await withBare(server, (fetch) => best((concurrency) => timed(count, concurrency, fetch)));
        const ours = await withOurs(server, { parent: folder }, ({ fetch, settle }) =>
          best((concurrency) => timed(count, concurrency, fetch, settle)),
        );
        const unkept = await withOurs(server, {}, ({ fetch }) =>
          best((concurrency) => timed(count, concurrency, fetch)),
        );
        const files = await best((concurrency) => writeFiles(folder, bytes, Math.min(count, 1000), concurrency));
        console.log(`     ${label}: bare ${show(bare)}, Florilegium ${show(ours)}`);
        console.log(`     ${label}: of which fetching and checking alone ${show(unkept)}`);
        console.log(`     ${label}: the disk alone, files written, flushed and renamed: ${show(files)}`);
        const inTurn = 1 / (1 / unkept.rate + 1 / files.rate);
        console.log(`     ${label}: ${(ours.rate / inTurn).toFixed(2)} times those two one after the other`);
        limit(`${label}, share of the bare client`, ours.rate / bare.rate, least);
        if (bytes > 100_000) return;
        const curl = await fetchWithCurl(server, folder, 400, 64);
        console.log(`     ${label}: curl, a process per page, 64 at once: ${curl.toFixed(0)} images/s`);
        limit(`${label}, times curl`, ours.rate / curl, 5);
      });
  }
  if (only === undefined || only === 'delay') {
    await withServer({ bytes: 20 * 1024, delayMs: 100 }, async (server) => {
      const rateOf = (count: number, concurrency: number, requestsPerSecond?: number) =>
        withOurs(server, { parent: folder, requestsPerSecond }, ({ fetch, settle }) =>
          timed(count, concurrency, fetch, settle),
        );
      for (const concurrency of [4, 16, 64]) {
        const rate = await rateOf(concurrency * 30, concurrency);
        console.log(`     100 ms delay, ${concurrency} at once: ${rate.toFixed(0)} images/s of ${concurrency * 10}`);
        limit(`100 ms delay, ${concurrency} at once, share of what the delay allows`, rate / (concurrency * 10), 0.85);
      }
      const limited = await rateOf(400, 64, 100);
      limit('100 ms delay, 64 at once, limit of 100/s: share of the limit', limited / 100, 0.95);
      limit('… and not above it (limit / rate)', 100 / limited, 0.95);
    });
  }
  return kept.every(Boolean) ? 0 : 1;
}

async function withServer(options: { bytes: number; delayMs?: number }, use: (server: ImageServer) => Promise<void>) {
  const server = await startImageServer(options);
  try {
    await use(server);
  } finally {
    server.close();
  }
}

interface Best {
  rate: number;
  concurrency: number;
}

const show = ({ rate, concurrency }: Best) => `${rate.toFixed(0)} images/s (${concurrency} at once)`;

/** The better of two runs at the best concurrency; the first run warms up. */
async function best(measure: (concurrency: number) => Promise<number>): Promise<Best> {
  await measure(concurrencies[1]!);
  let found: Best = { rate: 0, concurrency: 0 };
  for (const concurrency of [...concurrencies, ...concurrencies]) {
    const rate = await measure(concurrency);
    if (rate > found.rate) found = { rate, concurrency };
  }
  return found;
}

// Every address is asked for once, so that no two images are the same: those that are there already are not written again.
let nextPageId = 1;

/** Images a second, until `end` too is done. */
async function timed(
  count: number,
  concurrency: number,
  work: (pageId: number) => Promise<void>,
  end?: () => Promise<unknown>,
): Promise<number> {
  const last = nextPageId + count;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (nextPageId < last) await work(nextPageId++);
    }),
  );
  await end?.();
  return (count * 1000) / (performance.now() - began);
}

/** Reads the same addresses to nowhere. */
async function withBare<Result>(
  server: ImageServer,
  use: (fetch: (pageId: number) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const agent = new Agent({ connections: Math.max(...concurrencies), pipelining: 1 });
  try {
    return await use(async (pageId) => {
      const url = imageUrl('bucket', server.baseUrl, pageOf(pageId), 'medium');
      const { body } = await agent.request({ origin: url.origin, path: url.pathname, method: 'GET' });
      for await (const _ of body);
    });
  } finally {
    await agent.destroy();
  }
}

interface Ours {
  fetch: (pageId: number) => Promise<void>;
  /** Until all that was fetched would survive a crash of the machine. */
  settle: () => Promise<unknown>;
}

/** Through gate and checks, and into a store below `parent` where one is given. Client and store are opened once, as in a process that runs. */
async function withOurs<Result>(
  server: ImageServer,
  { parent, requestsPerSecond = noLimit }: { parent?: string; requestsPerSecond?: number | undefined },
  use: (ours: Ours) => Promise<Result>,
): Promise<Result> {
  const store =
    parent === undefined ? undefined : await openObjectStore(pathToFileURL(await mkdtemp(join(parent, 'store-'))).href);
  // The threads and folders that the first writes make are not what an image costs.
  if (store) {
    const firsts = Array.from({ length: 64 }, (_, i) => Buffer.from(`first ${i}`));
    await Promise.all(firsts.map((bytes) => store.putContent('images', 'webp', bytes)));
  }
  const client = openImageClient({
    sources: [
      {
        name: 'bench',
        addressing: 'bucket',
        baseUrl: server.baseUrl,
        requestsPerSecond,
        inFlightMax: Math.max(...concurrencies),
        redirectHosts: [],
      },
    ],
    contact: 'bench',
  });
  let durables: Promise<void>[] = [];
  try {
    return await use({
      fetch: async (pageId) => {
        const outcome = await fetchImage(client, pageOf(pageId), { size: 'medium' });
        if (outcome.kind !== 'fetched') throw new Error(`page ${pageId}: ${outcome.kind}: ${outcome.reason}`);
        if (store) durables.push((await store.handContent('images', outcome.format, outcome.bytes, outcome)).durable);
        outcome.release();
      },
      settle: async () => {
        const all = durables;
        durables = [];
        await Promise.all(all);
      },
    });
  } finally {
    await client.close();
  }
}

/** What the disk gives to files that are there whole or not at all, whoever writes them. */
async function writeFiles(parent: string, bytes: number, count: number, concurrency: number): Promise<number> {
  const folder = await mkdtemp(join(parent, 'plain-'));
  const content = Buffer.alloc(bytes, 7);
  return await timed(count, concurrency, async (pageId) => {
    const path = join(folder, String(pageId));
    await writeFile(`${path}.tmp`, content, { flush: true });
    await rename(`${path}.tmp`, path);
  });
}

async function fetchWithCurl(server: ImageServer, parent: string, count: number, concurrency: number): Promise<number> {
  const folder = await mkdtemp(join(parent, 'curl-'));
  return await timed(count, concurrency, async (pageId) => {
    const url = imageUrl('bucket', server.baseUrl, pageOf(pageId), 'medium').href;
    const child = spawn('curl', ['--silent', '--output', join(folder, `${pageId}.jpeg`), url], { stdio: 'ignore' });
    const status = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
    if (status !== 0) throw new Error(`curl ended with ${status}`);
  });
}
