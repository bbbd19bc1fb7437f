import { COLOUR_DIMS, colourStatistics } from './colour-statistics.ts';
import { halve, type PageRaster, RASTER_SIDE } from './page-raster.ts';
import { paperTone, whiten } from './paper-tone.ts';
import { STROKE_DIMS, strokeStatistics } from './stroke-statistics.ts';
import { TEXT_LINE_DIMS, textLineStatistics } from './text-line-statistics.ts';

/** Numbers that describe a page without any learnt weights. */
export const STATISTICS_DIMS = COLOUR_DIMS + STROKE_DIMS + TEXT_LINE_DIMS;
/** Part of the name and hash of every embedding that holds them: raise it when any number below changes its meaning. */
export const STATISTICS_VERSION = 1;

const HALF = RASTER_SIDE / 2;
// Less than this contrast (of 100) is a blank page: stretching it further would show only grain.
const CONTRAST_MIN = 35;

/** Colour, stroke and text-line statistics of a page with its paper's tone taken out: STATISTICS_DIMS numbers, each of the order of 1. */
export function pageStatistics(page: PageRaster, out = new Float32Array(STATISTICS_DIMS), offset = 0): Float32Array {
  const small = new Uint8Array(HALF * HALF * 3);
  halve(page.rgb, RASTER_SIDE, small);
  const paper = paperTone(small);
  const colour = whiten(small, paper);
  const ink = inkLightness(colour.lightness);
  const tone = relativeTone(page.rgb, paper, ink);
  let next = colourStatistics(colour, HALF, out, offset);
  next = strokeStatistics(tone, RASTER_SIDE, out, next);
  textLineStatistics(tone, RASTER_SIDE, page.aspect, out, next);
  return out;
}

/** Lightness of the page's darkest percent, held down so that paper and ink stay CONTRAST_MIN apart. */
function inkLightness(lightness: Float32Array): number {
  const counts = new Uint32Array(101);
  for (const value of lightness) counts[value >= 100 ? 100 : value <= 0 ? 0 : value | 0]!++;
  let seen = 0;
  for (let value = 0; value <= 100; value++) {
    seen += counts[value]!;
    if (seen >= lightness.length * 0.01) return Math.min(value, 100 - CONTRAST_MIN);
  }
  return 0;
}

/** Of each 8-bit value, in linear light. */
const LINEAR = Float64Array.from({ length: 256 }, (_, value) =>
  value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
);
/** Lightness as a table over luminance 0 to 1.1, finer than the 8 bits that come in. */
const LIGHTNESS_STEPS = 4096;
const LIGHTNESS = Float64Array.from({ length: LIGHTNESS_STEPS + 1 }, (_, step) => {
  const luminance = (step / LIGHTNESS_STEPS) * 1.1;
  return luminance > 216 / 24389 ? 116 * Math.cbrt(luminance) - 16 : (24389 / 27) * luminance;
});

/** Lightness at full size, 0 for the page's ink and 1 for its paper. */
function relativeTone(rgb: Uint8Array, paper: readonly [number, number, number], ink: number): Float32Array {
  const tone = new Float32Array(rgb.length / 3);
  const weights = [0.2126 / paper[0], 0.7152 / paper[1], 0.0722 / paper[2]] as const;
  const linear = (weight: number) => LINEAR.map((value) => weight * value);
  const [red, green, blue] = [linear(weights[0]), linear(weights[1]), linear(weights[2])];
  const table = new Float32Array(LIGHTNESS_STEPS + 1);
  for (let step = 0; step <= LIGHTNESS_STEPS; step++)
    table[step] = Math.max(0, Math.min(1.02, (LIGHTNESS[step]! - ink) / (100 - ink)));
  for (let pixel = 0, at = 0; pixel < tone.length; pixel++, at += 3) {
    const luminance = red[rgb[at]!]! + green[rgb[at + 1]!]! + blue[rgb[at + 2]!]!;
    tone[pixel] = table[luminance >= 1.1 ? LIGHTNESS_STEPS : ((luminance / 1.1) * LIGHTNESS_STEPS) | 0]!;
  }
  return tone;
}
