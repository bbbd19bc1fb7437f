import { createHash } from 'node:crypto';
import { type Random, seededRandom } from '@florilegium/random';
import sharp from 'sharp';

/** How an old page may look: paper in linear light, ink that has faded towards it, a shadow at one edge, a camera that was not sharp. */
interface Aged {
  paper: readonly [red: number, green: number, blue: number];
  /** Share of its darkness that ink has lost. */
  faded: number;
  /** How much darker the darkest edge is. */
  shadow: number;
  shadowAngle: number;
  blurPx: number;
  jpegQuality: number;
}

/** Papers of one book are alike, its pages vary a little. */
function agedOf(book: Random, page: Random): Aged {
  // Reflectance of paper from fresh to badly browned; red outlives green, green outlives blue.
  const red = 0.5 + 0.42 * book.next() + 0.03 * (page.next() - 0.5);
  const green = red * (0.72 + 0.26 * book.next());
  const blue = green * (0.5 + 0.46 * book.next());
  return {
    paper: [red, green, blue],
    faded: 0.4 * book.next(),
    shadow: 0.35 * page.next(),
    shadowAngle: 2 * Math.PI * page.next(),
    blurPx: 0.3 + 0.7 * book.next(),
    jpegQuality: Math.round(45 + 35 * book.next()),
  };
}

/**
 * A page as it might come from another library's scanner: on toned paper, faded, unevenly lit, a little blurred, compressed by JPEG. The
 * same page, item and seed give the same image. Rejects when the image cannot be decoded.
 */
export async function tonePage(image: Buffer, { pageId, itemId }: { pageId: number; itemId: number }, seed: number) {
  const aged = agedOf(seededRandom(`tone ${seed} item ${itemId}`), seededRandom(`tone ${seed} page ${pageId}`));
  const { data, info } = await sharp(image, { failOn: 'error' })
    .toColourspace('srgb')
    .flatten({ background: '#fff' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const tables = aged.paper.map((paper) =>
    Float64Array.from({ length: 256 }, (_, value) => {
      const kept = linear(value / 255);
      return paper * (1 - (1 - aged.faded) * (1 - kept));
    }),
  );
  const cosine = Math.cos(aged.shadowAngle) / info.width;
  const sine = Math.sin(aged.shadowAngle) / info.height;
  for (let y = 0, at = 0; y < info.height; y++) {
    for (let x = 0; x < info.width; x++, at += info.channels) {
      const along = 0.5 + (x - info.width / 2) * cosine + (y - info.height / 2) * sine;
      const light = 1 - aged.shadow * Math.max(0, along) ** 2;
      for (let channel = 0; channel < 3; channel++)
        data[at + channel] = encoded(tables[channel]![data[at + channel]!]! * light);
    }
  }
  return await sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
    .blur(Math.max(0.3, aged.blurPx))
    .jpeg({ quality: aged.jpegQuality })
    .toBuffer();
}

/** Names a toning in a cache. */
export const toneKey = (seed: number, itemId: number, pageId: number) =>
  createHash('sha256').update(`tone-1 ${seed} ${itemId} ${pageId}`).digest('hex').slice(0, 12);

const linear = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const table = Uint8Array.from({ length: 4097 }, (_, step) => {
  const value = step / 4096;
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
});
const encoded = (value: number) => table[Math.min(4096, Math.round(value * 4096))]!;
