import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { openLibraryFolder } from '../library-folder.ts';
import type { TruthLabel } from '../truth.ts';
import { auc, type Judged } from './scores.ts';

const inFlightMax = 4;
const widthPx = 150;
/** HSV saturation from which a pixel counts as coloured; the usual guess of somebody who has not met toned paper. */
const saturationMin = 0.3;
/** Below this value the saturation of a pixel is noise. */
const valueMin = 40;

/** Share of an image's pixels that are coloured, its paper taken as it is: 0 to 1. Reads any format sharp knows. */
export async function colouredShare(image: Buffer): Promise<number> {
  const { data, info } = await sharp(image, { failOn: 'none' })
    .resize(widthPx, undefined, { withoutEnlargement: true })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels < 3) return 0;
  let coloured = 0;
  for (let at = 0; at < data.length; at += info.channels) {
    const [red, green, blue] = [data[at]!, data[at + 1]!, data[at + 2]!];
    const most = Math.max(red, green, blue);
    if (most >= valueMin && most - Math.min(red, green, blue) >= saturationMin * most) coloured += 1;
  }
  return coloured / (info.width * info.height);
}

export interface ColouredShareAucOptions {
  /** Folder of the library. */
  library: string;
  pages:
    | Iterable<{ pageId: number; barCode: string; sequence: number }>
    | AsyncIterable<{ pageId: number; barCode: string; sequence: number }>;
  truth: ReadonlyMap<number, TruthLabel>;
}

/**
 * The baseline that any model has to beat: AUC of the share of coloured pixels of the `medium` image against truth.
 * NOT_SURE pages, pages without truth and pages without an image that can be decoded are left out; NaN where only one label is left.
 */
export async function colouredShareAuc({ library, pages, truth }: ColouredShareAucOptions): Promise<number> {
  const folder = await openLibraryFolder(library);
  const judged: Judged[] = [];
  const judge = async (page: { pageId: number; barCode: string; sequence: number }) => {
    const label = truth.get(page.pageId);
    if (label !== 'HQ' && label !== 'LQ') return;
    const share = await shareOfFile(folder.imagePath(page, 'medium'));
    if (share !== undefined) judged.push({ score: share, positive: label === 'HQ' });
  };
  let batch: Promise<void>[] = [];
  for await (const page of pages) {
    batch.push(judge(page));
    if (batch.length < inFlightMax) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  return auc(judged);
}

/** Undefined where the file is absent or no image: such a page gets no prediction either. */
async function shareOfFile(path: string): Promise<number | undefined> {
  let image: Buffer;
  try {
    image = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await colouredShare(image);
  } catch {
    return undefined;
  }
}
