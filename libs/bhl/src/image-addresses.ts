import { invalidArgument } from '@florilegium/errors';

/** The five sizes BHL keeps of every page. */
export const imageSizes = ['thumb', 'small', 'medium', 'large', 'full'] as const;
export type ImageSize = (typeof imageSizes)[number];

/** Width in pixels that BHL scales a size to; `full` is the scan itself and has none. */
export const imageWidthPx: Record<Exclude<ImageSize, 'full'>, number> = {
  thumb: 150,
  small: 235,
  medium: 465,
  large: 930,
};

/** What is needed to compute every address of a page's image. */
export interface ImagePage {
  pageId: number;
  /** BHL's BarCode of the item, which is also its Internet Archive identifier. */
  barCode: string;
  /** SequenceOrder of the page in its item; the first page is 1. */
  sequence: number;
}

/**
 * How a source lays out its addresses:
 * `bucket` has `web/{BarCode}/{BarCode}_{NNNN}_{size}.webp`, `pageimage` has BHL's `/pageimage/{id}` and
 * `/pagethumb/{id},{w},{h}`, `internet-archive` has `{BarCode}/page/n{leaf}_w{width}.jpg`.
 */
export const imageAddressings = ['bucket', 'pageimage', 'internet-archive'] as const;
export type ImageAddressing = (typeof imageAddressings)[number];

export function isImageSize(value: unknown): value is ImageSize {
  return imageSizes.includes(value as ImageSize);
}

/** Path of an image in BHL's bucket, without a leading slash. Throws invalid_argument for a bar code or sequence that cannot be one. */
export function bucketImagePath(page: Omit<ImagePage, 'pageId'>, size: ImageSize): string {
  assertBarCode(page.barCode);
  assertSequence(page.sequence);
  return `web/${page.barCode}/${page.barCode}_${String(page.sequence).padStart(4, '0')}_${size}.webp`;
}

/**
 * BHL's own endpoint for a page at a size, without a leading slash. BHL picks the stored size by the width asked for
 * (at most 150, 235, 465, 930, else full) and ignores the height, which is given in the usual proportion of a page.
 */
export function pageImagePath(pageId: number, size: ImageSize): string {
  assertPageId(pageId);
  if (size === 'full') return `pageimage/${pageId}`;
  const width = imageWidthPx[size];
  return `pagethumb/${pageId},${width},${Math.round(width * 1.5)}`;
}

/** The Internet Archive's page image. Its leaves are counted from 0, BHL's sequence from 1. */
export function internetArchiveImagePath(page: Omit<ImagePage, 'pageId'>, size: ImageSize): string {
  assertBarCode(page.barCode);
  assertSequence(page.sequence);
  const width = size === 'full' ? '' : `_w${imageWidthPx[size]}`;
  return `${page.barCode}/page/n${Math.max(page.sequence - 1, 0)}${width}.jpg`;
}

/** Address of a page's image under `baseUrl`, whose own path is kept. */
export function imageUrl(addressing: ImageAddressing, baseUrl: string, page: ImagePage, size: ImageSize): URL {
  const base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  if (addressing === 'bucket') return new URL(bucketImagePath(page, size), base);
  if (addressing === 'pageimage') return new URL(pageImagePath(page.pageId, size), base);
  return new URL(internetArchiveImagePath(page, size), base);
}

/**
 * True for the picture BHL redirects unknown pages to (`…/images/image_not_found.jpg`, `…_thumb.jpg`). Answered with status 200
 * and a well-formed JPEG, so the address is the first thing that gives it away; its hash is the second.
 */
export function isPlaceholderUrl(url: URL): boolean {
  return /\/image_?not_?found[^/]*\.(jpe?g|png|gif|webp)$/i.test(url.pathname);
}

function assertPageId(pageId: number): void {
  if (!Number.isInteger(pageId) || pageId < 1 || pageId > 2_147_483_647) {
    throw invalidArgument(`page id ${pageId} is not a positive 32-bit integer`, { field: 'pageId' });
  }
}

// The export is foreign input and the bar code becomes part of a path: dots alone or slashes would climb out of web/.
function assertBarCode(barCode: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(barCode)) {
    throw invalidArgument(`bar code ${JSON.stringify(barCode)} has characters that no BHL bar code has`, {
      field: 'barCode',
    });
  }
}

function assertSequence(sequence: number): void {
  if (!Number.isInteger(sequence) || sequence < 0 || sequence > 999_999) {
    throw invalidArgument(`sequence ${sequence} is not a whole number from 0 to 999999`, { field: 'sequence' });
  }
}
