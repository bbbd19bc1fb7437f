import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bucketImagePath, type ImageSize, imageSizes, isImageSize } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';

/** A folder in BHL's layout: `data/*.txt.gz`, `web/{BarCode}/…webp`, and perhaps `library.json` with size aliases. */
export interface LibraryFolder {
  dir: string;
  /** The size whose file stands for `size`. */
  storedSize(size: ImageSize): ImageSize;
  /** Absolute path of the file that answers for a page at a size; it may be absent. */
  imagePath(page: { barCode: string; sequence: number }, size: ImageSize): string;
}

/** Opens a library; throws `invalid_argument` naming what is missing or wrong in it. */
export async function openLibraryFolder(dir: string): Promise<LibraryFolder> {
  const root = resolve(dir);
  if (!(await isFile(join(root, 'data', 'page.txt.gz'))))
    throw invalidArgument(`${root} is no library in BHL's layout: it has no data/page.txt.gz`, { field: 'library' });
  const aliases = await readAliases(join(root, 'library.json'));
  const storedSize = (size: ImageSize): ImageSize => aliases.get(size) ?? size;
  return {
    dir: root,
    storedSize,
    imagePath: (page, size) => join(root, bucketImagePath(page, storedSize(size))),
  };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function readAliases(path: string): Promise<Map<ImageSize, ImageSize>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  let aliases: unknown;
  try {
    ({ aliases } = JSON.parse(text) as { aliases?: unknown });
  } catch (cause) {
    throw invalidArgument(`${path} is not JSON: ${(cause as Error).message}`, { field: 'aliases', cause });
  }
  const known = new Map<ImageSize, ImageSize>();
  for (const [from, to] of Object.entries(aliases ?? {})) {
    if (!isImageSize(from) || !isImageSize(to))
      throw invalidArgument(`${path} aliases ${from} to ${to}; the sizes are ${imageSizes.join(', ')}`, {
        field: 'aliases',
      });
    known.set(from, to);
  }
  return known;
}
