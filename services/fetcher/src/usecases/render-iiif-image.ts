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
      // Of a page that the catalog does not know there is no size at all.
      if (!(error instanceof AppError) || error.code !== 'not_found' || !error.details) throw error;
      const { state } = error.details;
      // A size that came corrupt, or that a host refused, is there: a smaller one must not be stated as the largest.
      if (state !== 'missing' && state !== 'placeholder')
        throw unavailable(`the ${size} image of page ${pageId} cannot be had now: ${error.details.detail}`, {
          details: error.details,
          cause: error,
        });
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

/** Makes a planned image from the smallest stored size that has its detail, unless `signal` says that nobody waits for it any more. */
export async function renderIiifImage(
  deps: RenderIiifImageDeps,
  { largest, plan }: PlannedImage,
  signal: AbortSignal,
): Promise<Buffer> {
  const scale = Math.max(plan.size.width / plan.region.width, plan.size.height / plan.region.height);
  const smaller = (await deps.store.images.findSizes(largest.pageId))
    .filter((image) => image.state === 'stored')
    // A pixel less comes of rounding.
    .filter((image) => image.width + 1 >= largest.width * scale && image.width < largest.width)
    .sort((a, b) => a.width - b.width);
  const read = async () => {
    for (const image of [...smaller, largest]) {
      const bytes = await readImage(deps, image);
      if (bytes) return { bytes, width: image.width, height: image.height };
    }
    throw unavailable(`the file of page ${largest.pageId} was damaged and will be fetched again`, {
      retryAfterMs: 1000,
    });
  };
  return await deps.renderImage(read, largest, plan, signal);
}
