import type { Readable } from 'node:stream';
import type { FetchedImage } from '@florilegium/bhl';
import { contentKey, type ObjectStore } from '@florilegium/object-store';
import { imagePrefix, type StoredImage } from '../domain/image.ts';

type ImageFile = Pick<StoredImage, 'sha256' | 'format' | 'bytes'>;

/** The bytes of images in the object store, named after their hash. */
export interface ImageFiles {
  /** Resolves when the bytes may be forgotten; `durable` when the file is in its place and stays there. */
  writeImage(image: FetchedImage): Promise<{ durable: Promise<void> }>;
  /** Whether the file is there with its full length. */
  hasImage(image: ImageFile): Promise<boolean>;
  /** All bytes, checked against the hash: not_found or internal when the file is not what was stored. */
  readImage(image: ImageFile): Promise<Buffer>;
  /** Removes a file that is not what was stored, so that the same bytes can be written again. */
  removeImage(image: ImageFile): Promise<void>;
  /** Every object under `images/`, with its hash where its name is one. */
  listFiles(): AsyncIterable<{ key: string; sha256: string | undefined; bytes: number; modifiedAt: Date }>;
  /** Removes a file unless it was written, or wanted again, after `since`; false when it stays. */
  removeFile(key: string, since: Date): Promise<boolean>;
  /** All bytes, checked against the hash: what is not what was stored ends in an error, before its last piece. */
  openImage(image: ImageFile): Promise<Readable>;
  /** Some of the bytes, which cannot be checked. */
  openPart(image: ImageFile, range: { start: number; bytes: number }): Promise<Readable>;
}

export function imageFiles(objects: ObjectStore): ImageFiles {
  const keyOf = (image: ImageFile) => contentKey(imagePrefix, image.sha256, image.format);
  return {
    writeImage: (image) => objects.handContent(imagePrefix, image.format, image.bytes, { sha256: image.sha256 }),
    hasImage: async (image) => (await objects.head(keyOf(image)))?.bytes === image.bytes,
    readImage: (image) => objects.get(keyOf(image), { sha256: image.sha256 }),
    listFiles: async function* () {
      for await (const object of objects.list(`${imagePrefix}/`))
        yield { ...object, sha256: /\/([0-9a-f]{64})\.[a-z0-9]+$/.exec(object.key)?.[1] };
    },
    removeFile: (key, since) => objects.deleteUntouched(key, since),
    removeImage: (image) => objects.delete(keyOf(image)),
    openImage: async (image) => (await objects.getStream(keyOf(image), { sha256: image.sha256 })).stream,
    openPart: async (image, range) => (await objects.getStream(keyOf(image), { range })).stream,
  };
}
