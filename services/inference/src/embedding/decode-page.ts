import sharp from 'sharp';
import { type PageRaster, RASTER_SIDE } from './page-raster.ts';

// One libvips thread an image and several images at once beat several threads an image; nothing is decoded twice, so nothing is kept.
sharp.concurrency(1);
sharp.cache(false);

/** More pixels than any scanner in BHL gives; beyond it an image is a bomb. */
const PIXELS_MAX = 200_000_000;

/** Decodes an image of any format and squeezes it to the raster. Runs off this thread. @throws Error when the image is cut or corrupt */
export async function decodePage(content: Uint8Array): Promise<PageRaster & { rgb: Uint8Array<ArrayBuffer> }> {
  const image = sharp(content, { limitInputPixels: PIXELS_MAX, failOn: 'error' });
  const { width, height } = await image.metadata();
  const { data, info } = await image
    .resize(RASTER_SIDE, RASTER_SIDE, { fit: 'fill' })
    .toColourspace('srgb')
    .flatten({ background: '#fff' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels, not 3`);
  return { rgb: new Uint8Array(data), aspect: width / height };
}
