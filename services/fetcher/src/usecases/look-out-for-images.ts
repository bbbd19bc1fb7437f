import type { ImageSize } from '@florilegium/bhl';
import type { ImageKnowledge } from '../domain/image.ts';
import type { ImagesRepo } from '../repos/images.repo.ts';

export interface ImageLookout {
  /** What is known of an image once no run has it before it any more; undefined where one still has at the deadline. */
  settled(pageId: number, size: ImageSize, deadline: number): Promise<ImageKnowledge | undefined>;
}

interface Waiter {
  pageId: number;
  size: ImageSize;
  deadline: number;
  resolve: (known: ImageKnowledge | undefined) => void;
  reject: (error: unknown) => void;
}

const lookEveryMs = 100;

/** Looks for all images that are waited for at once, one after the other's size: hundreds who wait ask the database no more often than one. */
export function lookOutForImages(images: Pick<ImagesRepo, 'findImages'>): ImageLookout {
  const waiting = new Set<Waiter>();
  let isLooking = false;

  async function lookAt(size: ImageSize, waiters: readonly Waiter[]): Promise<void> {
    const known = await images.findImages(
      waiters.map(({ pageId }) => pageId),
      size,
    );
    for (const [index, waiter] of waiters.entries()) {
      const image = known[index]!;
      // Pending while a run has it before it, retry_at when a source asked to wait.
      const isOpen = image.state === 'pending' || image.state === 'retry_at';
      if (isOpen && performance.now() < waiter.deadline) continue;
      waiting.delete(waiter);
      waiter.resolve(isOpen ? undefined : image);
    }
  }

  async function look(): Promise<void> {
    isLooking = true;
    while (waiting.size > 0) {
      const waiters = [...waiting];
      for (const size of new Set(waiters.map((waiter) => waiter.size))) {
        const same = waiters.filter((waiter) => waiter.size === size);
        await lookAt(size, same).catch((error: unknown) => {
          for (const waiter of same) {
            waiting.delete(waiter);
            waiter.reject(error);
          }
        });
      }
      if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
    isLooking = false;
  }

  return {
    settled: (pageId, size, deadline) =>
      new Promise((resolve, reject) => {
        waiting.add({ pageId, size, deadline, resolve, reject });
        if (!isLooking) void look();
      }),
  };
}
