import type { ImageSize } from '@florilegium/bhl';
import { AppError, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { ImageFiles } from '../clients/image-files.client.ts';
import type { ImageKnowledge, StoredImage } from '../domain/image.ts';
import type { Store } from '../store.ts';

export interface ReadImageDeps {
  store: Pick<Store, 'images'>;
  files: ImageFiles;
  log: Log;
}

/** What is known of a page's image; one whose file is gone or cut becomes corrupt. */
export async function findWholeImage(deps: ReadImageDeps, pageId: number, size: ImageSize): Promise<ImageKnowledge> {
  const image = await deps.store.images.findImage(pageId, size);
  if (image.state !== 'stored' || (await deps.files.hasImage(image))) return image;
  const detail = 'its file was lost';
  await withdraw(deps, image, detail);
  return { state: 'corrupt', pageId, size, detail };
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
