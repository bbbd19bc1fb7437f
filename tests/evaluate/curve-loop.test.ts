import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selectBackend } from '@florilegium/ensemble';
import { drawSampleLibrary } from '@florilegium/simulated';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedPages, runLoop, verdictsOf } from './curve-loop.ts';
import { embedLibrary, openBackbone } from './embed-library.ts';
import { readLibrary } from './read-library.ts';

// A small form of `npm run evaluate:curves`: one drawn library, a few iterations.
let folder: string;
let pages: EmbeddedPages;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curve-loop-test-'));
  const library = join(folder, 'library');
  await drawSampleLibrary({ dir: library, booksMax: 6, pagesPerBookMax: 16 });
  const backbone = await openBackbone({ wish: 'classic', modelFolders: [], cacheFolder: folder, offline: true });
  pages = await embedLibrary(await readLibrary(library, 'all'), backbone, {
    cacheFolder: folder,
    threads: 1,
    toneSeed: undefined,
    onProgress: () => {},
  });
  await selectBackend('auto', { info: () => {}, warn: () => {} });
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = { seed: 1, iterations: 4, initialCount: 20, reviewCount: 8 };

it('asks for the labels it was given, compares each ensemble with the one before, and learns', () => {
  const done = [...runLoop(pages, options)];
  expect(done.map(({ number, labelCount }) => [number, labelCount])).toEqual([
    [1, 20],
    [2, 28],
    [3, 36],
    [4, 44],
  ]);
  expect(done[0]!.curves).toMatchObject({ kappa: null, changeOfMind: null });
  const stopCount = Math.floor(0.1 * pages.pageIds.length);
  for (const { curves } of done.slice(1)) {
    expect(curves.bySet.stop.pageCount).toBe(stopCount);
    expect(curves.changeOfMind).toBeLessThan(0.5);
    expect(curves.kappa).toBeLessThanOrEqual(1);
    expect(curves.kappaLow).toBeLessThanOrEqual(curves.kappa!);
  }
  for (const { accuracy, auc } of done) expect(Math.min(accuracy, auc)).toBeGreaterThan(0.5);
  const verdicts = verdictsOf(done);
  expect(verdicts[0]).toEqual({ decision: 'continue', reason: 'there is no earlier ensemble to compare with' });
  // Nine stop pages cannot tell that nothing changes any more.
  expect(verdicts.map(({ decision }) => decision)).not.toContain('stop');
}, 60_000);

it('is the same for the same seed, and ends when there is nothing left to ask', () => {
  const short = { ...options, iterations: 2 };
  expect([...runLoop(pages, short)]).toEqual([...runLoop(pages, short)]);
  const [, other] = [...runLoop(pages, { ...short, seed: 2 })];
  expect(other!.curves).not.toEqual([...runLoop(pages, short)][1]!.curves);
  const all = [...runLoop(pages, { ...options, iterations: 100, reviewCount: 1000 })];
  // Sure pages are no pages of worth but for those by lot, so it takes some more iterations than the reviews' size says.
  expect(all.length).toBeLessThan(50);
  expect(all.at(-1)!.labelCount).toBeLessThanOrEqual(pages.pageIds.length - all[0]!.curves.bySet.stop.pageCount);
}, 60_000);
