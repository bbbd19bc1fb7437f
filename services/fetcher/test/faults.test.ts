import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bucketImagePath } from '@florilegium/bhl';
import { type SimulatedBhl, startSimulatedBhl } from '@florilegium/simulated';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, pageIdsFrom, startHarness } from './harness.ts';
import { barCodeOf } from './source-server.ts';

const good = pageIdsFrom(1000, 240);
/** In the export, without a file. */
const missing = pageIdsFrom(2000, 10);
/** Not in BHL's export: its own address redirects to the placeholder picture. */
const unknown = pageIdsFrom(3000, 10);
/** Files that are cut short at the source, and stay so. */
const corrupt = pageIdsFrom(4000, 10);
// Above what the source allows, which tells it to wait, and far below what it would ask without a limit.
const requestsPerSecond = 50;

const images = new Map<number, Buffer>();
let library: string;
let bhl: SimulatedBhl;
let fetcher: Harness;

beforeAll(async () => {
  library = await mkdtemp(join(tmpdir(), 'fetcher-library-'));
  await writeLibrary();
  bhl = await startSimulatedBhl({
    library,
    seed: 7,
    requestsPerSecondMax: 25,
    faults: { slow: 0.1, slowMs: 400, cutShort: 0.1, html: 0.1, serverError: 0.1, reset: 0.1 },
  });
  const source = { baseUrl: bhl.url, requestsPerSecond, inFlightMax: 32 };
  fetcher = await startHarness({
    PAGES_IN_FLIGHT_MAX: '16',
    PAGE_FAULTS_MAX: '8',
    SOURCES: JSON.stringify([
      { name: 'bucket', addressing: 'bucket', ...source },
      { name: 'bhl', addressing: 'pageimage', ...source },
    ]),
  });
});
afterAll(async () => {
  await fetcher?.close();
  await bhl?.close();
  await rm(library, { recursive: true, force: true });
});

async function writeLibrary(): Promise<void> {
  await mkdir(join(library, 'data'), { recursive: true });
  const known = [...good, ...missing, ...corrupt];
  const items = [...new Set(known.map((pageId) => Math.floor(pageId / 10)))];
  const itemRows = items.map((item) => `${item}\t1\t\tbook${item}`);
  await writeFile(
    join(library, 'data', 'item.txt.gz'),
    gzipSync(['ItemID\tTitleID\tThumbnailPageID\tBarCode', ...itemRows, ''].join('\n')),
  );
  const pageRows = known.map(
    (pageId) => `${pageId}\t${Math.floor(pageId / 10)}\t${pageId % 10}\t\t\t\tPlate\t\tIllustration\t`,
  );
  const header =
    'PageID\tItemID\tSequenceOrder\tYear\tVolume\tIssue\tPagePrefix\tPageNumber\tPageTypeName\tCreationDate';
  await writeFile(join(library, 'data', 'page.txt.gz'), gzipSync([header, ...pageRows, ''].join('\n')));
  for (const pageId of [...good, ...corrupt]) {
    const background = { r: pageId % 256, g: (pageId * 7) % 256, b: (pageId * 31) % 256 };
    const image = await sharp({ create: { width: 46, height: 73, channels: 3, background } })
      .webp()
      .toBuffer();
    images.set(pageId, image);
    const path = join(library, bucketImagePath({ barCode: barCodeOf(pageId), sequence: pageId % 10 }, 'medium'));
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, corrupt.includes(pageId) ? image.subarray(0, image.length - 9) : image);
  }
}

it('with every fault on and too many 429, all good pages are stored bit-exact, none wrong, each bad one named with its reason', async () => {
  await Promise.all([1, 2, 3].map(() => fetcher.start({ role: 'worker' })));
  const ids = [...good, ...missing, ...unknown, ...corrupt];
  fetcher.pageSets.set('all', ids);
  const { id } = await fetcher.startRun({ pageSetId: 'all' });
  const run = await fetcher.endOf(id, 100_000);
  const states = await fetcher.pagesOf(id);
  expect(run).toMatchObject({ state: 'done', totalCount: ids.length, storedCount: good.length, failedCount: 30 });
  expect(states.stored).toEqual(good);
  expect(states.missing).toEqual(missing);
  expect(states.placeholder).toEqual(unknown);
  expect(states.corrupt).toEqual(corrupt);
  for (const pageId of good) {
    const response = await fetcher.get(`/v1/images/${pageId}`);
    expect(Buffer.from(await response.arrayBuffer()).equals(images.get(pageId)!), String(pageId)).toBe(true);
  }
  const hashes = new Set(good.map((pageId) => createHash('sha256').update(images.get(pageId)!).digest('hex')));
  const stored = (await fetcher.storedFiles()).map((path) => /([0-9a-f]{64})\.webp$/.exec(path)?.[1]);
  expect(new Set(stored)).toEqual(hashes);
  const failed = await fetcher.get(`/v1/fetch-runs/${id}/pages?state=corrupt`);
  const { pages } = (await failed.json()) as { pages: { detail: string }[] };
  expect(pages.every(({ detail }) => detail.includes('cut short'))).toBe(true);

  const { throttled, byFault } = bhl.counters();
  expect(throttled).toBeGreaterThan(0);
  for (const [fault, count] of Object.entries(byFault)) expect(count, fault).toBeGreaterThan(5);
  expect(bhl.arrivals().peakPerSecond).toBeLessThanOrEqual(requestsPerSecond * 1.05 + 1);
}, 120_000);
