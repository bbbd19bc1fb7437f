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

/** Mean of each 2 x 2 block: interleaved RGB [side, side, 3] -> [side/2, side/2, 3], rounded to the nearest. */
export function halve(rgb: Uint8Array, side: number, out: Uint8Array): void {
  const half = side / 2;
  const stride = side * 3;
  let to = 0;
  for (let y = 0; y < half; y++) {
    let from = y * 2 * stride;
    for (let x = 0; x < half; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = from + channel;
        out[to++] = (rgb[at]! + rgb[at + 3]! + rgb[at + stride]! + rgb[at + stride + 3]! + 2) >> 2;
      }
      from += 6;
    }
  }
}
