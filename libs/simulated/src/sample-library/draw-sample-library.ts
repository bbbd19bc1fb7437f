import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { failedPrecondition, invalidArgument } from '@florilegium/errors';
import sharp from 'sharp';
import { createRandom, type Random } from '../random.ts';
import type { PageKind } from './books.ts';
import { type LibraryPage, writeItemFile, writePageFile, writeTitleFile } from './export-files.ts';
import { setPage } from './pages.ts';
import { makePaper, type Paper, paperMargin, printOnPaper, screenPrint } from './paper.ts';
import { planLibrary } from './plan-library.ts';

export interface DrawSampleLibraryOptions {
  /** Folder of the library; made, or reused when it holds the finished library of the same seed. */
  dir: string;
  seed?: number;
  onProgress?: (drawn: number, total: number) => void;
  signal?: AbortSignal;
  /** Draws only the first books; all of them by default. */
  booksMax?: number;
  /** Draws only so many pages of each book, spread over its kinds; all of them by default. */
  pagesPerBookMax?: number;
}

export interface SampleLibrary {
  dir: string;
  pageCount: number;
  bookCount: number;
  /** The finished library was there already. */
  reused: boolean;
}

/** Raised whenever the drawing changes, so that a library drawn by other code is drawn again. */
const drawingVersion = 3;
const pageWidth = 465;
const sizes = [
  { name: 'medium', width: 465, quality: 80, effort: 1 },
  { name: 'small', width: 235, quality: 76, effort: 0 },
  { name: 'thumb', width: 150, quality: 72, effort: 0 },
] as const;
const firstTitleId = 510001;
const inFlightMax = 4;

/**
 * Draws the built-in sample library: fifteen invented old books in BHL's layout (`data/*.txt.gz`, `web/{BarCode}/…webp`,
 * `library.json`, `truth.csv`), the same bytes from the same seed. It is drawn beside `dir` and moved there when it is
 * whole, so a killed drawing leaves nothing that looks finished. Throws `failed_precondition` where `dir` holds
 * something else.
 */
export async function drawSampleLibrary(options: DrawSampleLibraryOptions): Promise<SampleLibrary> {
  const dir = resolve(options.dir);
  const seed = options.seed ?? 1;
  if (!Number.isSafeInteger(seed)) throw invalidArgument(`seed must be a whole number, not ${seed}`, { field: 'seed' });
  const drawn = fingerprint({ seed, booksMax: options.booksMax, pagesPerBookMax: options.pagesPerBookMax });
  const plans = planLibrary(options);
  const pages = plans.flat();
  const found = await inspect(dir);
  if (found === 'something else')
    throw failedPrecondition(`${dir} is not empty and not a sample library, so it is left as it is`);
  if (found !== 'nothing') {
    if (found === drawn) return { dir, pageCount: pages.length, bookCount: plans.length, reused: true };
    await rm(dir, { recursive: true, force: true });
  }
  await mkdir(dirname(dir), { recursive: true });
  await removeAbandoned(dir);
  const work = `${dir}.drawing-${process.pid}`;
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'data'), { recursive: true });
  try {
    await drawBooks(work, seed, plans, options);
    await writeRecords(work, seed, plans);
    // The last file: a folder without it is not a library.
    await writeFile(
      join(work, 'library.json'),
      `${JSON.stringify({ aliases: { large: 'medium', full: 'medium' }, drawn })}\n`,
    );
    await rm(dir, { recursive: true, force: true });
    await rename(work, dir);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
  return { dir, pageCount: pages.length, bookCount: plans.length, reused: false };
}

function fingerprint(parameters: object): string {
  return createHash('sha256')
    .update(JSON.stringify({ drawingVersion, ...parameters }))
    .digest('hex')
    .slice(0, 16);
}

/** The fingerprint of the sample library in `dir`, or what else is there. */
async function inspect(dir: string): Promise<string> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'nothing';
    throw error;
  }
  if (names.length === 0) return 'nothing';
  try {
    const { drawn } = JSON.parse(await readFile(join(dir, 'library.json'), 'utf8')) as { drawn?: unknown };
    return typeof drawn === 'string' ? drawn : 'something else';
  } catch {
    return 'something else';
  }
}

/** Deletes the half-drawn folders of processes that are gone. */
async function removeAbandoned(dir: string): Promise<void> {
  const prefix = `${basename(dir)}.drawing-`;
  for (const name of await readdir(dirname(dir))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length));
    if (Number.isInteger(pid) && pid !== process.pid && isRunning(pid)) continue;
    await rm(join(dirname(dir), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function drawBooks(
  work: string,
  seed: number,
  plans: readonly LibraryPage[][],
  options: DrawSampleLibraryOptions,
): Promise<void> {
  const total = plans.reduce((sum, plan) => sum + plan.length, 0);
  let done = 0;
  // One libvips thread a page and several pages at once keeps every core busy at small image sizes.
  const concurrency = sharp.concurrency();
  sharp.concurrency(1);
  try {
    for (const plan of plans) {
      const { book } = plan[0]!;
      const folder = join(work, 'web', book.barCode);
      await mkdir(folder, { recursive: true });
      const height = Math.round(pageWidth * book.aspect);
      const random = createRandom(`draw/${seed}/${book.barCode}`);
      const paper = await makePaper(random.fork('paper'), book.paper, pageWidth, height);
      await inParallel(plan, async (page) => {
        options.signal?.throwIfAborted();
        await drawPage(folder, page, height, paper, random.fork(page.sequence));
        done += 1;
        options.onProgress?.(done, total);
      });
    }
  } finally {
    sharp.concurrency(concurrency);
  }
}

async function drawPage(
  folder: string,
  page: LibraryPage,
  height: number,
  paper: Paper,
  random: Random,
): Promise<void> {
  const { book, kind, number, sequence } = page;
  const rightHand = sequence % 2 === 1;
  const print = setPage({ book, kind, width: pageWidth, height, number, rightHand }, random.fork('print'));
  const { data, info } = await sharp(Buffer.from(print.svg)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  for (const box of print.screened) screenPrint(data, info.channels, pageWidth, box);
  const sheet = printOnPaper(data, info.channels, pageWidth, height, paper, {
    rightHand,
    gutter: print.covered ? 0 : random.range(0.22, 0.5),
    offset: [random.int(0, paperMargin), random.int(0, paperMargin)],
    mirrored: random.chance(0.5),
    wear: print.wear,
    aged: print.covered ? 0 : random.range(0.7, 1.1),
  });
  const stem = join(folder, `${book.barCode}_${String(sequence).padStart(4, '0')}`);
  const raw = { width: pageWidth, height, channels: 3 } as const;
  await allSettled(
    sizes.map(({ name, width, quality, effort }) => {
      const image = sharp(sheet, { raw });
      if (width < pageWidth) image.resize(width);
      return image.webp({ quality, effort }).toFile(`${stem}_${name}.webp`);
    }),
  );
}

/** Throws the first error once nothing is under way any more: files written after it would outlive the clearing away. */
async function inParallel<T>(values: readonly T[], work: (value: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < values.length) await work(values[next++]!);
  };
  await allSettled(Array.from({ length: Math.min(inFlightMax, values.length) }, lane));
}

async function allSettled(under: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(under)).find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

async function writeRecords(work: string, seed: number, plans: readonly LibraryPage[][]): Promise<void> {
  const data = join(work, 'data');
  const pages = plans.flat();
  const volumes = plans.map((plan, index) => ({
    book: plan[0]!.book,
    itemId: plan[0]!.itemId,
    titleId: firstTitleId + index,
    thumbnailPageId: plan[0]!.pageId,
  }));
  await writePageFile(join(data, 'page.txt.gz'), pages, createRandom(`rows/${seed}`));
  await writeItemFile(join(data, 'item.txt.gz'), volumes);
  await writeTitleFile(join(data, 'title.txt.gz'), volumes);
  const truth = pages.map(({ pageId, kind, book }) => `${pageId},${labelOf(kind)},${kind},${book.barCode}`);
  await writeFile(join(work, 'truth.csv'), `PageID,label,kind,book\n${truth.join('\n')}\n`);
}

function labelOf(kind: PageKind): 'HQ' | 'LQ' | 'NOT_SURE' {
  if (kind === 'coloured_plate' || kind === 'pale_coloured_plate') return 'HQ';
  return kind === 'coloured_vignette' ? 'NOT_SURE' : 'LQ';
}
