// One decoded page, squeezed to a square whatever its shape. A page is decoded once: the statistics read the full raster,
// the backbone its half (an exact 2 x 2 mean), so both see the same pixels.

/** Side of the raster in pixels. Twice 224, the input side of the backbones; near the width of a `medium` image (465). */
export const RASTER_SIDE = 448;
export const RASTER_BYTES = RASTER_SIDE * RASTER_SIDE * 3;

/** 448 x 448 interleaved RGB, 8 bits, and the shape that the page had before it was squeezed. */
export interface PageRaster {
  rgb: Uint8Array;
  /** width / height of the page as scanned */
  aspect: number;
}
