import type { ImageSize } from '@florilegium/bhl';
import type { StoredImage } from '../domain/image.ts';
import type { PageMove } from '../domain/page-state.ts';
import type { ImageEnding } from '../repos/images.repo.ts';
import type { RootStore } from '../store.ts';

export interface KeptMove extends PageMove {
  pageId: number;
  /** The image, when this run fetched it. */
  image: StoredImage | undefined;
}

export interface MoveKeeper {
  /** Takes a move to be written soon, not before `durable` resolves. Throws what went wrong with earlier ones. */
  add(move: KeptMove, durable?: Promise<void>): void;
  /** Resolves when all is written. */
  flush(): Promise<void>;
}

// A transaction costs the same for one page as for twenty.
const lingerMs = 50;

/**
 * Writes the moves of a run's pages as they come, so that a worker that dies leaves next to nothing to be fetched twice: the moves that
 * arrive while one transaction is under way, or within a moment, share the next one.
 */
export function keepPageMoves(
  { store, countPage }: { store: RootStore; countPage: (state: string) => void },
  runId: string,
  size: ImageSize,
): MoveKeeper {
  let waiting: KeptMove[] = [];
  const undurable = new Set<Promise<void>>();
  let writing: Promise<void> | undefined;
  let failure: unknown;
  let isFlushing = false;
  let hurry: (() => void) | undefined;

  async function linger(): Promise<void> {
    if (isFlushing) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lingerMs);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    hurry = undefined;
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      await linger();
      const moves = waiting;
      waiting = [];
      await writeMoves(store, runId, size, moves);
      for (const move of moves) countPage(move.state);
    }
  }

  function start(): void {
    if (writing || failure) return;
    writing = write()
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => {
        writing = undefined;
        // What came in the moment between the last look and this one.
        if (waiting.length > 0) start();
      });
  }

  return {
    add(move, durable) {
      if (failure) throw failure;
      const take = () => {
        waiting.push(move);
        start();
      };
      if (!durable) {
        take();
        return;
      }
      const taken = durable
        .then(take, (error: unknown) => {
          failure ??= error;
        })
        .finally(() => undurable.delete(taken));
      undurable.add(taken);
    },
    async flush() {
      isFlushing = true;
      await Promise.all(undurable);
      hurry?.();
      while (writing) await writing;
      isFlushing = false;
      if (failure) throw failure;
    },
  };
}

async function writeMoves(store: RootStore, runId: string, size: ImageSize, moves: readonly KeptMove[]): Promise<void> {
  await store.inTransaction(async ({ images, fetchPages, fetchRuns }) => {
    const endings = moves.flatMap((move): ImageEnding[] => {
      const { pageId, state, detail, image } = move;
      if (state !== 'stored') return [{ state, pageId, size, detail }];
      return image ? [{ state, ...image }] : [];
    });
    await images.keepEndings(endings);
    // Somebody who took the batch over may have moved some already: count what this transaction moved, and that alone.
    const moved = await fetchPages.movePages(runId, moves);
    const counts = { stored: 0, fetched: 0, bytes: 0, retry_at: 0, missing: 0, placeholder: 0, corrupt: 0, blocked: 0 };
    for (const { pageId, state, image } of moves) {
      const before = moved.get(pageId);
      if (before === undefined) continue;
      if (before === 'retry_at') counts.retry_at -= 1;
      counts[state] += 1;
      if (image) {
        counts.fetched += 1;
        counts.bytes += image.bytes;
      }
    }
    await fetchRuns.addCounts(runId, counts);
  });
}
