import type { ImageFiles } from '../clients/image-files.client.ts';
import type { StoredImage } from '../domain/image.ts';
import type { ImagesRepo } from '../repos/images.repo.ts';
import { isDamage } from './read-image.ts';

export interface CheckImagesDeps {
  images: Pick<ImagesRepo, 'listStored' | 'findUsedHashes' | 'withdrawImage'>;
  files: Pick<ImageFiles, 'hasImage' | 'readImage' | 'removeImage' | 'listFiles' | 'removeFile'>;
}

export interface CheckOptions {
  /** Mends what it finds: lost and damaged images become corrupt, so that the next run fetches them; files of no image are removed. */
  mend: boolean;
  /** Reads every file and checks its hash; else its length alone. */
  readBytes: boolean;
  onFound: (found: { kind: 'lost' | 'damaged' | 'unused'; key: string; bytes: number }) => void;
}

export interface CheckResult {
  images: number;
  /** Images whose file is not there or has another length. */
  lost: number;
  /** Images whose file does not hash to what was stored. */
  damaged: number;
  files: number;
  /** Files that are no page's image. */
  unused: number;
  /** Files that may belong to an image that is just being stored. */
  tooYoung: number;
}

const partMax = 1000;
const inFlightMax = 16;
// A file is written before its row; nothing takes this long between the two.
const youngMs = 3_600_000;

/** Compares the table of images with the object store, both ways, in parts, while everything runs. */
export async function checkImages(deps: CheckImagesDeps, options: CheckOptions): Promise<CheckResult> {
  const result: CheckResult = { images: 0, lost: 0, damaged: 0, files: 0, unused: 0, tooYoung: 0 };
  await checkTable(deps, options, result);
  await checkFiles(deps, options, result);
  return result;
}

async function checkTable({ images, files }: CheckImagesDeps, options: CheckOptions, result: CheckResult) {
  const check = async (image: StoredImage) => {
    const kind = await findFault(files, image, options.readBytes);
    if (!kind) return;
    result[kind] += 1;
    options.onFound({ kind, key: `page ${image.pageId} ${image.size}`, bytes: image.bytes });
    if (!options.mend) return;
    // What has another length is written anew by the next fetch, and may have been since we looked.
    if (kind === 'damaged') await files.removeImage(image);
    await images.withdrawImage(image, `its file was ${kind}`, { refuseBytes: false });
  };
  let part: StoredImage[] = [];
  do {
    part = await images.listStored(part.at(-1), partMax);
    result.images += part.length;
    const queue = part.values();
    await Promise.all(
      Array.from({ length: inFlightMax }, async () => {
        for (const image of queue) await check(image);
      }),
    );
  } while (part.length === partMax);
}

/** A store that is away, or a disk that cannot be read now, is no fault of the image: it ends the check, as nothing can be said. */
async function findFault(
  files: CheckImagesDeps['files'],
  image: StoredImage,
  readBytes: boolean,
): Promise<'lost' | 'damaged' | undefined> {
  if (!(await files.hasImage(image))) return 'lost';
  if (!readBytes) return undefined;
  try {
    await files.readImage(image);
    return undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error.code === 'not_found' ? 'lost' : 'damaged';
  }
}

async function checkFiles({ images, files }: CheckImagesDeps, options: CheckOptions, result: CheckResult) {
  type File = { key: string; sha256: string | undefined; bytes: number; modifiedAt: Date };
  const check = async (part: readonly File[]) => {
    const used = await images.findUsedHashes(part.flatMap(({ sha256 }) => (sha256 ? [sha256] : [])));
    for (const { key, sha256, bytes, modifiedAt } of part) {
      if (sha256 !== undefined && used.has(sha256)) continue;
      const youngFrom = new Date(Date.now() - youngMs);
      // A run may store the same bytes while we look: the file is young again then, and stays.
      if (modifiedAt > youngFrom || (options.mend && !(await files.removeFile(key, youngFrom)))) {
        result.tooYoung += 1;
        continue;
      }
      result.unused += 1;
      options.onFound({ kind: 'unused', key, bytes });
    }
  };
  let part: File[] = [];
  for await (const file of files.listFiles()) {
    result.files += 1;
    part.push(file);
    if (part.length < partMax) continue;
    await check(part);
    part = [];
  }
  await check(part);
}
