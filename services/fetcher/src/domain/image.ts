import type { ImageFormat, ImageSize } from '@florilegium/bhl';
import type { PageState } from './page-state.ts';

/** What is kept of a stored image; its bytes are in the object store under `images/`. */
export interface StoredImage {
  pageId: number;
  size: ImageSize;
  sha256: string;
  format: ImageFormat;
  width: number;
  height: number;
  bytes: number;
  source: string;
  fetchedAt: Date;
}

/** What is known of a page's image at one size. `unknown`: no run that asked for it came to an end with it, nor is one under way. */
export type ImageKnowledge =
  | ({ state: 'stored' } & StoredImage)
  | { state: 'unknown' | Exclude<PageState, 'stored'>; pageId: number; size: ImageSize; detail: string };

/** Prefix of the object keys that this service alone writes. */
export const imagePrefix = 'images';
