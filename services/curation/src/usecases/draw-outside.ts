import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from '@florilegium/errors';
import { DrawOf, drawKey } from '@florilegium/random';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { FetcherClient } from '../clients/fetcher.client.ts';
import type { Store } from '../store.ts';

export interface DrawOutsideDeps {
  store: Store;
  catalog: Pick<CatalogClient, 'streamReservoir' | 'countOutside'>;
  fetcher: Pick<FetcherClient, 'fetchImages' | 'findPagesWithImage'>;
}

/** Pages that no rule keeps: how many there are, and those that the audit shall look at. */
export interface OutsideDraw {
  pageCount: number;
  pageIds: number[];
}

export const nothingOutside: OutsideDraw = { pageCount: 0, pageIds: [] };

const lookEveryMs = 500;
// The first sources answer in under a second a page; what has not come by then is being waited for by a source's limit.
const fetchTimeoutMs = 120_000;

/**
 * Draws the audit's pages outside the candidates from catalog's reservoir and has their images fetched, for no candidate's run did. Pages
 * without an image cannot be labelled: those next in the lot take their places.
 * @throws unavailable while fetcher has not tried all of them; the work begins again and finds its run
 */
export async function drawOutside(
  { store, catalog, fetcher }: DrawOutsideDeps,
  listId: string,
  signal: AbortSignal,
): Promise<OutsideDraw> {
  const list = await store.hqLists.findById(listId);
  if (list?.state !== 'predicting' || list.outsideCount === 0) return nothingOutside;
  const seed = `${list.seed} outside`;
  const lot = new DrawOf({ keyOf: (pageId) => drawKey(seed, pageId) }, 2 * list.outsideCount);
  for await (const pages of catalog.streamReservoir()) {
    signal.throwIfAborted();
    for (const { pageId } of pages) lot.offer(pageId);
  }
  const drawn = lot.result();
  if (drawn.length === 0) return nothingOutside;
  const giveUpAt = performance.now() + fetchTimeoutMs;
  while (!(await fetcher.fetchImages(drawn, `audit-${listId}`)).ended) {
    if (performance.now() > giveUpAt)
      throw unavailable(`the images of the audit outside the candidates have not come in ${fetchTimeoutMs / 1000} s`);
    await sleep(lookEveryMs, undefined, { signal });
  }
  const withImage = await fetcher.findPagesWithImage(drawn);
  return {
    pageCount: await catalog.countOutside(),
    pageIds: drawn.filter((pageId) => withImage.has(pageId)).slice(0, list.outsideCount),
  };
}
