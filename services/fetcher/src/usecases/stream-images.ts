import type { ImageSize } from '@florilegium/bhl';
import { checkPageIds } from '../domain/fetch-run.ts';
import type { StoredImage } from '../domain/image.ts';
import { type ReadImageDeps, readImage } from './read-image.ts';

// Files that are read while the reader takes the one before; the bound on what a stream holds in memory.
const readAheadMax = 4;

/** The stored images among the pages, in the order asked. */
export async function* streamImages(
  deps: ReadImageDeps,
  pageIds: readonly number[],
  size: ImageSize,
): AsyncGenerator<{ image: StoredImage; content: Buffer }> {
  checkPageIds(pageIds);
  const known = await deps.store.images.findImages(pageIds, size);
  const images = known.filter((image) => image.state === 'stored');
  const ahead: { image: StoredImage; content: Promise<Buffer | undefined> }[] = [];
  let next = 0;
  try {
    for (;;) {
      while (ahead.length < readAheadMax && next < images.length) {
        const image = images[next++]!;
        const content = readImage(deps, image);
        // Its failure is thrown when its turn comes, not before.
        content.catch(() => {});
        ahead.push({ image, content });
      }
      const first = ahead.shift();
      if (!first) return;
      const content = await first.content;
      if (content) yield { image: first.image, content };
    }
  } finally {
    await Promise.allSettled(ahead.map(({ content }) => content));
  }
}
