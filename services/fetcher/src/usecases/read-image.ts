import type { Readable } from 'node:stream';
import type { ImageSize } from '@florilegium/bhl';
import { AppError } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ImageFiles } from '../clients/image-files.client.ts';
import type { ImageKnowledge, StoredImage } from '../domain/image.ts';
import type { Store } from '../store.ts';

export interface ReadImageDeps {
  store: Pick<Store, 'images'>;
  files: ImageFiles;
  log: Log;
}

// Half a large scan: what is smaller is held whole while it is checked, what is larger passes through.
const heldBytesMax = 1 << 20;

/** What is known of a page's image; one whose file is gone or cut becomes corrupt. */
export async function findWholeImage(deps: ReadImageDeps, pageId: number, size: ImageSize): Promise<ImageKnowledge> {
  const image = await deps.store.images.findImage(pageId, size);
  if (image.state !== 'stored' || (await deps.files.hasImage(image))) return image;
  const detail = 'its file was lost';
  await withdraw(deps, image, detail);
  return { state: 'corrupt', pageId, size, detail };
}

/**
 * The bytes of a stored image, checked against its hash; undefined for a damaged or lost file, whose page becomes corrupt. Throws where the store is
 * away or refuses us: that says nothing of the file.
 */
export async function readImage(deps: ReadImageDeps, image: StoredImage): Promise<Buffer | undefined> {
  return await unlessDamaged(deps, image, () => deps.files.readImage(image));
}

/** As `readImage`, for whoever passes the bytes on: a large image is a stream, which breaks off before its end when the bytes are wrong. */
export async function openImage(deps: ReadImageDeps, image: StoredImage): Promise<Buffer | Readable | undefined> {
  if (image.bytes <= heldBytesMax) return await readImage(deps, image);
  const stream = await unlessDamaged(deps, image, () => deps.files.openImage(image));
  stream?.once('error', (error) => {
    if (isDamage(error)) withdrawDamaged(deps, image, error).catch((err) => deps.log.error({ err }, 'not withdrawn'));
  });
  return stream;
}

/** Whether reading failed because the file is not what was stored. */
export const isDamage = (error: unknown): error is AppError =>
  error instanceof AppError && (error.code === 'not_found' || error.code === 'internal');

async function unlessDamaged<Content>(
  deps: ReadImageDeps,
  image: StoredImage,
  read: () => Promise<Content>,
): Promise<Content | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isDamage(error)) throw error;
    await withdrawDamaged(deps, image, error);
    return undefined;
  }
}

async function withdrawDamaged(deps: ReadImageDeps, image: StoredImage, error: AppError): Promise<void> {
  // Wrong bytes of the right length would be taken for the image by whoever writes it again.
  if (error.code === 'internal') await deps.files.removeImage(image);
  await withdraw(deps, image, `its file is damaged: ${error.message}`);
}

async function withdraw({ store, log }: ReadImageDeps, image: StoredImage, detail: string): Promise<void> {
  log.error({ pageId: image.pageId, size: image.size, sha256: image.sha256, detail }, 'stored image withdrawn');
  await store.images.withdrawImage(image, detail, { refuseBytes: false });
}
