import type { ImageSize } from '@florilegium/bhl';
import { AppError, messageOf, notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ImageFiles } from '../clients/image-files.client.ts';
import type { StoredImage } from '../domain/image.ts';
import type { Store } from '../store.ts';

export interface ReadImageDeps {
  store: Pick<Store, 'images'>;
  files: ImageFiles;
  log: Log;
}

/** What is kept of a page's stored image; not_found with its state where none is stored, or where its file is gone. */
export async function findStoredImage(deps: ReadImageDeps, pageId: number, size: ImageSize): Promise<StoredImage> {
  const image = await deps.store.images.findImage(pageId, size);
  if (image.state === 'stored') {
    if (await deps.files.hasImage(image)) return image;
    await withdraw(deps, image, 'its file was lost');
  }
  const { state, detail } = image.state === 'stored' ? { state: 'corrupt', detail: 'its file was lost' } : image;
  throw notFound(`${size} image of page`, pageId, { details: { state, detail } });
}

/** The bytes of a stored image, checked against its hash; undefined for a damaged or lost file, whose page becomes corrupt. */
export async function readImage(deps: ReadImageDeps, image: StoredImage): Promise<Buffer | undefined> {
  try {
    return await deps.files.readImage(image);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    await withdraw(deps, image, `its file is damaged: ${messageOf(error)}`);
    return undefined;
  }
}

async function withdraw({ store, files, log }: ReadImageDeps, image: StoredImage, detail: string): Promise<void> {
  log.error({ pageId: image.pageId, size: image.size, sha256: image.sha256, detail }, 'stored image withdrawn');
  await files.removeImage(image);
  await store.images.withdrawImage(image, detail, { refuseBytes: false });
}
