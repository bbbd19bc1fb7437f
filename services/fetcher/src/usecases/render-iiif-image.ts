import { type ImageSize, imageSizes } from '@florilegium/bhl';
import { AppError, unavailable } from '@florilegium/errors';
import type { RenderImage } from '../clients/image-renderer.client.ts';
import { type IiifPlan, type IiifRequest, planIiifImage } from '../domain/iiif-image.ts';
import type { StoredImage } from '../domain/image.ts';
import { type DemandedImage, type DemandImageDeps, demandImage } from './demand-image.ts';
import { readImage } from './read-image.ts';

export interface RenderIiifImageDeps extends DemandImageDeps {
  renderImage: RenderImage;
  /** Pixels of the largest image that is made. */
  iiifPixelsMax: number;
}

const largestFirst: readonly ImageSize[] = imageSizes.toReversed();

/** The largest image of a page that the sources have, fetched if need be. Throws not_found where they have none. */
export async function findLargestImage(deps: RenderIiifImageDeps, pageId: number): Promise<DemandedImage> {
  const deadline = performance.now() + deps.demandWaitMs;
  let reason: unknown;
  for (const size of largestFirst) {
    try {
      return await demandImage(deps, pageId, size, deadline);
    } catch (error) {
      // This size is missing; of a page that the catalog does not know there is no other either.
      if (!(error instanceof AppError) || error.code !== 'not_found' || !error.details) throw error;
      reason ??= error;
    }
  }
  throw reason;
}

export interface PlannedImage {
  largest: StoredImage;
  plan: IiifPlan;
}

export async function planImage(
  deps: RenderIiifImageDeps,
  pageId: number,
  request: IiifRequest,
): Promise<PlannedImage | Extract<DemandedImage, { kind: 'coming' }>> {
  const demanded = await findLargestImage(deps, pageId);
  if (demanded.kind === 'coming') return demanded;
  return { largest: demanded.image, plan: planIiifImage(request, demanded.image, deps.iiifPixelsMax) };
}

/** Makes a planned image from the smallest stored size that has its detail. */
export async function renderIiifImage(deps: RenderIiifImageDeps, { largest, plan }: PlannedImage): Promise<Buffer> {
  const scale = Math.max(plan.size.width / plan.region.width, plan.size.height / plan.region.height);
  const stored = (await deps.store.images.findSizes(largest.pageId))
    .filter((image) => image.state === 'stored')
    // A pixel less comes of rounding.
    .filter((image) => image.width + 1 >= largest.width * scale && image.width < largest.width)
    .sort((a, b) => a.width - b.width);
  for (const image of [...stored, largest]) {
    const bytes = await readImage(deps, image);
    if (bytes) return await deps.renderImage({ bytes, width: image.width, height: image.height }, largest, plan);
  }
  throw unavailable(`the file of page ${largest.pageId} was damaged and will be fetched again`, { retryAfterMs: 1000 });
}
