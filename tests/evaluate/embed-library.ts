import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readHalfFloats } from '@florilegium/ensemble/arithmetic';
import { messageOf } from '@florilegium/errors';
import { colouredShare, type TruthLabel } from '@florilegium/simulated';
import { type ChosenBackbone, chooseBackbone } from '../../services/inference/src/embedding/choose-backbone.ts';
import { createEmbedder, type Embedder, tryOutBackbone } from '../../services/inference/src/embedding/embedder.ts';
import { checkedRow, encodeShard, rowRange } from '../../services/inference/src/embedding/shard.ts';
import type { LabelledLibrary, LabelledPage } from './read-library.ts';
import { toneKey, tonePage } from './tone-page.ts';

/** The pages of a library that could be embedded, as the threads that train and score read them. */
export interface EmbeddedLibrary {
  dims: number;
  /** Row-major [pages, dims], in shared memory. */
  rows: Float32Array<SharedArrayBuffer>;
  pageIds: number[];
  itemIds: number[];
  labels: TruthLabel[];
  /** Share of coloured pixels of each page, the baseline without any learning. */
  colouredShares: number[];
  notes: string[];
}

export interface BackboneOptions {
  wish: string;
  modelFolders: readonly string[];
  cacheFolder: string;
  offline: boolean;
}

/** The backbone that was asked for, and no other: an evaluation under a wrong name would be worse than none. */
export async function openBackbone({
  wish,
  modelFolders,
  cacheFolder,
  offline,
}: BackboneOptions): Promise<ChosenBackbone> {
  const silent = () => {};
  return await chooseBackbone({
    wish: wish.toLowerCase(),
    recorded: undefined,
    folders: modelFolders,
    cacheFolder: join(cacheFolder, 'models'),
    offline,
    // Only what the choice came to is of interest here; it is printed.
    log: { info: silent, warn: silent } as never,
    tryOut: tryOutBackbone,
  });
}

/** Images read, decoded and embedded at once. */
const inFlightMax = 24;

/**
 * Embeds a library with the service's own embedder. What was embedded before, by sha256 of the image and of the recipe, is read from the
 * cache. `toneSeed` ages each page first. Pages without an image, or with one that cannot be decoded, are left out and named in the notes.
 */
export async function embedLibrary(
  library: LabelledLibrary,
  chosen: ChosenBackbone,
  options: {
    cacheFolder: string;
    threads: number;
    toneSeed: number | undefined;
    onProgress(done: number, total: number): void;
  },
): Promise<EmbeddedLibrary> {
  const { recipe } = chosen;
  const { pages } = library;
  const folder = join(options.cacheFolder, 'evaluate', recipe.sha256.slice(0, 16));
  const rows = new Float32Array(new SharedArrayBuffer(4 * pages.length * recipe.dimensions));
  const shares = new Float64Array(pages.length);
  const present = new Uint8Array(pages.length);
  const missing: number[] = [];
  const corrupt: string[] = [];
  let embedder: Promise<Embedder> | undefined;
  const openEmbedder = () => {
    const log = { info: () => {}, warn: console.error, error: console.error } as never;
    embedder ??= createEmbedder({ recipe, file: chosen.file, threads: options.threads, log });
    return embedder;
  };

  async function embedPage(page: LabelledPage, index: number): Promise<void> {
    let image: Buffer;
    try {
      image = await readFile(page.imagePath);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      missing.push(page.pageId);
      return;
    }
    const imageSha256 = createHash('sha256').update(image).digest('hex');
    const tone = options.toneSeed === undefined ? '' : `-${toneKey(options.toneSeed, page.itemId, page.pageId)}`;
    const path = join(folder, imageSha256.slice(0, 2), `${imageSha256}${tone}.shard`);
    const row = { pageId: 0, imageSha256 };
    const cached = await readCached(path, row, recipe.dimensions);
    if (cached) {
      readHalfFloats(cached.halves, rows, index * recipe.dimensions);
      shares[index] = cached.share;
      present[index] = 1;
      return;
    }
    try {
      if (options.toneSeed !== undefined) image = await tonePage(image, page, options.toneSeed);
      shares[index] = await colouredShare(image);
    } catch (error) {
      corrupt.push(`page ${page.pageId}: ${firstLine(messageOf(error))}`);
      return;
    }
    const result = await (await openEmbedder()).embed(image);
    if (result.kind === 'corrupt') {
      corrupt.push(`page ${page.pageId}: ${firstLine(result.reason)}`);
      return;
    }
    const shard = encodeShard(recipe.sha256, recipe.dimensions, [{ ...row, values: result.values }]);
    const share = Buffer.alloc(8);
    share.writeDoubleLE(shares[index]!);
    const whole = Buffer.concat([share, shard]);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.${process.pid}`, whole);
    await rename(`${path}.${process.pid}`, path);
    const { start, bytes } = rowRange({ rowCount: 1, dimensions: recipe.dimensions }, 0);
    readHalfFloats(checkedRow(shard.subarray(start, start + bytes), row, path), rows, index * recipe.dimensions);
    present[index] = 1;
  }

  try {
    let next = 0;
    let done = 0;
    const lane = async () => {
      while (next < pages.length) {
        const index = next++;
        await embedPage(pages[index]!, index);
        options.onProgress(++done, pages.length);
      }
    };
    await Promise.all(Array.from({ length: inFlightMax }, lane));
  } finally {
    await (await embedder)?.close();
  }
  return collect(library, recipe.dimensions, { rows, shares, present, missing, corrupt });
}

/** A cached file that is cut, damaged or of another form counts as absent. */
async function readCached(path: string, row: { pageId: number; imageSha256: string }, dimensions: number) {
  const file = await readFile(path).catch(() => undefined);
  const { start, bytes } = rowRange({ rowCount: 1, dimensions }, 0);
  if (file?.length !== 8 + start + bytes) return undefined;
  try {
    return { share: file.readDoubleLE(0), halves: checkedRow(file.subarray(8 + start), row, path) };
  } catch {
    return undefined;
  }
}

function collect(
  library: LabelledLibrary,
  dims: number,
  read: { rows: Float32Array; shares: Float64Array; present: Uint8Array; missing: number[]; corrupt: string[] },
): EmbeddedLibrary {
  const kept = [...read.present.keys()].filter((index) => read.present[index] === 1);
  const rows = new Float32Array(new SharedArrayBuffer(4 * kept.length * dims));
  kept.forEach((index, place) => {
    rows.set(read.rows.subarray(index * dims, (index + 1) * dims), place * dims);
  });
  const pick = <Value>(of: (page: LabelledPage) => Value) => kept.map((index) => of(library.pages[index]!));
  const notes = [...library.notes];
  if (read.missing.length > 0)
    notes.push(
      `${read.missing.length} pages of ${library.dir} have no image (${named(read.missing.map(String))}): left out`,
    );
  if (read.corrupt.length > 0)
    notes.push(`${read.corrupt.length} images of ${library.dir} cannot be decoded (${named(read.corrupt)}): left out`);
  return {
    dims,
    rows,
    pageIds: pick(({ pageId }) => pageId),
    itemIds: pick(({ itemId }) => itemId),
    labels: pick(({ label }) => label),
    colouredShares: kept.map((index) => read.shares[index]!),
    notes,
  };
}

const named = (texts: readonly string[]) => texts.slice(0, 3).join(', ') + (texts.length > 3 ? ', …' : '');
const firstLine = (text: string) => text.split('\n', 1)[0]!;
