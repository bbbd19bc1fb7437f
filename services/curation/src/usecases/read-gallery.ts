import { seededRandom } from '@florilegium/random';
import { type GalleryFilter, type GalleryOrder, isUnfiltered } from '../domain/gallery.ts';
import type { GalleryPage } from '../repos/hq-list-stories.repo.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';

export interface GalleryQuery {
  filter: GalleryFilter;
  order: GalleryOrder;
  /** Decides a shuffled order. */
  seed: number;
  /** Into the filtered, ordered pages. */
  position: number;
  limit: number;
}

export interface Gallery {
  total: number;
  pages: (GalleryPage & { position: number })[];
}

/** Orders that were asked for lately, as places in the list. Lists never change, so neither do these. */
export interface KnownOrders {
  get(key: string, make: () => Promise<Int32Array>): Promise<Int32Array>;
}

/**
 * A part of what a filter leaves of a frozen list, in an order, from any position at the same cost: the places of all pages in that order
 * are found out once and kept, four bytes a page; a part is then a look-up by place.
 */
export async function readGallery(
  { store, orders }: { store: Store; orders: KnownOrders },
  list: HqList,
  { filter, order, seed, position, limit }: GalleryQuery,
): Promise<Gallery> {
  const inOrder = await orders.get(
    JSON.stringify([list.id, filter, order, order === 'shuffle' ? seed : 0]),
    async () => {
      const sorted =
        isUnfiltered(filter) && (order === 'page' || order === 'shuffle')
          ? Int32Array.from({ length: list.pageCount ?? 0 }, (_, at) => at)
          : await store.hqListStories.readOrdinals(list.id, { filter, order: order === 'shuffle' ? 'page' : order });
      return order === 'shuffle' ? shuffle(sorted, `gallery ${seed}`) : sorted;
    },
  );
  const pages = await store.hqListStories.readGalleryPages(list.id, [...inOrder.subarray(position, position + limit)]);
  return { total: inOrder.length, pages: pages.map((page, at) => ({ ...page, position: position + at })) };
}

/** What an entry costs besides its places, about. */
const entryBytes = 1000;

/** Keeps the orders asked for last, about `bytesMax` of them; requests for the same one wait for one making. */
export function createKnownOrders({ bytesMax = 32 << 20 }: { bytesMax?: number } = {}): KnownOrders {
  const known = new Map<string, { order: Promise<Int32Array>; bytes: number }>();
  let bytes = 0;
  const forget = (key: string) => {
    bytes -= known.get(key)?.bytes ?? 0;
    known.delete(key);
  };
  return {
    get: (key, make) => {
      const found = known.get(key);
      const entry = found ?? { order: make(), bytes: entryBytes };
      // The one asked for last stands last.
      known.delete(key);
      known.set(key, entry);
      if (found) return found.order;
      bytes += entryBytes;
      entry.order.then(
        ({ byteLength }) => {
          if (known.get(key) !== entry) return;
          entry.bytes += byteLength;
          bytes += byteLength;
          for (const oldest of known.keys()) {
            if (bytes <= bytesMax || oldest === key) break;
            forget(oldest);
          }
        },
        () => {
          if (known.get(key) === entry) forget(key);
        },
      );
      return entry.order;
    },
  };
}

/** Fisher-Yates in place. */
function shuffle(values: Int32Array, seed: string): Int32Array {
  const random = seededRandom(seed);
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const held = values[last]!;
    values[last] = values[other]!;
    values[other] = held;
  }
  return values;
}
