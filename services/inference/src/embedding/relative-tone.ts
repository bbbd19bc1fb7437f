import type { PageKernels } from './page-kernels.ts';
import type { PaperTone } from './paper-tone.ts';

// Less than this contrast (of 100) is a blank page: stretching it further would show only grain.
const CONTRAST_MIN = 35;
const INK_SHARE = 0.01;

/** Of each 8-bit value, in linear light. */
const LINEAR = Float64Array.from({ length: 256 }, (_, value) =>
  value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
);
/** Lightness as a table over luminance 0 to LUMINANCE_MAX, finer than the 8 bits that come in. */
const LIGHTNESS_STEPS = 4096;
const LUMINANCE_MAX = 1.1;
const LIGHTNESS = Float64Array.from({ length: LIGHTNESS_STEPS + 1 }, (_, step) => {
  const luminance = (step / LIGHTNESS_STEPS) * LUMINANCE_MAX;
  return luminance > 216 / 24389 ? 116 * Math.cbrt(luminance) - 16 : (24389 / 27) * luminance;
});
/** Steps are counted in whole numbers with so many binary places behind them. */
const PLACES = 65_536;

/**
 * Makes the tone of the held page: lightness, 0 for the page's ink and 1 for its paper; gives the mean square that each halving of it takes
 * away. `lightnesses` says how many pixels have each lightness from 0 to 100.
 */
export function relativeTone(kernels: PageKernels, paper: PaperTone, lightnesses: Uint32Array): number[] {
  const ink = inkLightness(lightnesses);
  const perChannel = ([0.2126, 0.7152, 0.0722] as const).map((weight, channel) =>
    // Held to the table's end, so that the sum of three stays within 32 bits.
    Uint32Array.from(
      LINEAR,
      (value) =>
        Math.min(LIGHTNESS_STEPS, ((value * weight) / paper[channel]!) * (LIGHTNESS_STEPS / LUMINANCE_MAX)) * PLACES,
    ),
  );
  const table = new Float32Array(LIGHTNESS_STEPS + 1);
  for (let step = 0; step <= LIGHTNESS_STEPS; step++)
    table[step] = Math.max(0, Math.min(1.02, (LIGHTNESS[step]! - ink) / (100 - ink)));
  return kernels.toTone(perChannel, table);
}

/** Lightness of the page's darkest percent, held down so that paper and ink stay CONTRAST_MIN apart. */
function inkLightness(lightnesses: Uint32Array): number {
  let pixels = 0;
  for (const count of lightnesses) pixels += count;
  let seen = 0;
  for (const [value, count] of lightnesses.entries()) {
    seen += count;
    if (seen >= pixels * INK_SHARE) return Math.min(value, 100 - CONTRAST_MIN);
  }
  return 0;
}
