import type { ImagePage, ImageSize } from '@florilegium/bhl';
import { notFound, resourceExhausted } from '@florilegium/errors';
import { v7 as uuidv7 } from 'uuid';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { ImageKnowledge, StoredImage } from '../domain/image.ts';
import type { RootStore } from '../store.ts';
import type { ImageLookout } from './look-out-for-images.ts';
import { findWholeImage, type ReadImageDeps } from './read-image.ts';

export interface DemandImageDeps extends ReadImageDeps {
  store: RootStore;
  catalog: Pick<CatalogClient, 'streamPages'>;
  /** How long somebody who asks for an image that has to be fetched is kept waiting. */
  demandWaitMs: number;
  /** Images that are waited for in this process now, by page and size. */
  demands: Map<string, Promise<DemandedImage>>;
  lookout: ImageLookout;
}

/** `coming`: it is being fetched, and worth asking for again later. */
export type DemandedImage = { kind: 'stored'; image: StoredImage } | { kind: 'coming'; retryAfterMs: number };

const demandsMax = 256;
const retryAfterMs = 5_000;
// A page whose images came corrupt is not fetched more often than this, however many people look at it.
const demandAgainMs = 300_000;

/**
 * A page's image: the stored one, or else fetched now, through the queue and the limits that every fetch passes; whoever asks meanwhile waits for
 * the same. Throws not_found, with what is known, where no source has it.
 */
export async function demandImage(
  deps: DemandImageDeps,
  pageId: number,
  size: ImageSize,
  deadline = performance.now() + deps.demandWaitMs,
): Promise<DemandedImage> {
  const known = await findWholeImage(deps, pageId, size);
  if (known.state === 'stored') return { kind: 'stored', image: known };
  if (known.state === 'missing' || known.state === 'placeholder' || known.state === 'blocked')
    throw unavailableImage(known);
  const { demands } = deps;
  const key = `${pageId}/${size}`;
  let demand = demands.get(key);
  if (!demand) {
    if (demands.size >= demandsMax)
      throw resourceExhausted(`${demandsMax} images are being waited for already`, { retryAfterMs });
    demand = fetchNow(deps, pageId, size, deadline).finally(() => demands.delete(key));
    demands.set(key, demand);
  }
  return await demand;
}

async function fetchNow(
  deps: DemandImageDeps,
  pageId: number,
  size: ImageSize,
  deadline: number,
): Promise<DemandedImage> {
  const page = await findPage(deps.catalog, pageId, deadline);
  const idempotencyKey = `on-demand/${pageId}/${size}/${Math.floor(Date.now() / demandAgainMs)}`;
  await deps.store.inTransaction(async ({ fetchRuns, fetchPages, enqueue }) => {
    const id = uuidv7();
    if (!(await fetchRuns.addDemandedRun(id, pageId, size, idempotencyKey))) return;
    await fetchPages.addPages(id, [{ ...page, batchNumber: 0 }]);
    await enqueue('demand', id, [{ number: 0 }]);
  });
  const known = await deps.lookout.settled(pageId, size, deadline);
  if (!known) return { kind: 'coming', retryAfterMs };
  if (known.state === 'stored') return { kind: 'stored', image: known };
  throw unavailableImage(known);
}

async function findPage(catalog: DemandImageDeps['catalog'], pageId: number, deadline: number): Promise<ImagePage> {
  const signal = AbortSignal.timeout(Math.max(Math.ceil(deadline - performance.now()), 1000));
  for await (const pages of catalog.streamPages({ kind: 'page-ids', pageIds: [pageId] }, 0, signal))
    for (const page of pages) return page;
  throw notFound('page', pageId);
}

function unavailableImage({ pageId, size, state, detail }: Exclude<ImageKnowledge, { state: 'stored' }>) {
  return notFound(`${size} image of page`, pageId, { details: { state, detail } });
}
