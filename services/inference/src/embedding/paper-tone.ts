// The colour of the paper, and the page as it would look on white paper.
//
// Toned paper multiplies what is printed on it: in linear light a pixel is paper times ink coverage. Dividing by the paper's colour
// therefore turns a black engraving on brown paper into a neutral one, while the pigments of a hand-coloured plate keep their hue.

import type { PageKernels } from './page-kernels.ts';

const LINEAR = Float64Array.from({ length: 256 }, (_, value) => {
  const encoded = value / 255;
  return encoded <= 0.04045 ? encoded / 12.92 : ((encoded + 0.055) / 1.055) ** 2.4;
});

// f(t) of CIE Lab, tabled over [0, 1.25]: the cube root is most of the cost of a conversion.
const CURVE_STEPS = 4096;
const CURVE_MAX = 1.25;
const CURVE = Float64Array.from({ length: CURVE_STEPS + 1 }, (_, step) => {
  const t = (step / CURVE_STEPS) * CURVE_MAX;
  return t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116;
});
const curve = (t: number) => CURVE[t >= CURVE_MAX ? CURVE_STEPS : ((t * CURVE_STEPS) / CURVE_MAX + 0.5) | 0]!;

// sRGB primaries to XYZ, each row divided by the D65 white, so that (1, 1, 1) is white.
const X = [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047] as const;
const Y = [0.2126729, 0.7151522, 0.072175] as const;
const Z = [0.0193339 / 1.08883, 0.119192 / 1.08883, 0.9503041 / 1.08883] as const;

/** Paper in linear light, each channel in (0, 1]. */
export type PaperTone = readonly [red: number, green: number, blue: number];

function labOf(red: number, green: number, blue: number): [number, number, number] {
  const fx = curve(X[0] * red + X[1] * green + X[2] * blue);
  const fy = curve(Y[0] * red + Y[1] * green + Y[2] * blue);
  const fz = curve(Z[0] * red + Z[1] * green + Z[2] * blue);
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

// Paper ages from white through grey and cream to brown. Anything else that is bright and common is a sky, a map's sea or a cloth
// binding, and must keep its colour.
const CHROMA_MAX = 48;
const CHROMA_MAX_OFF_AXIS = 10;
function couldBePaper(tone: PaperTone): boolean {
  const [lightness, a, b] = labOf(tone[0], tone[1], tone[2]);
  const chroma = Math.hypot(a, b);
  if (lightness < 30 || chroma > CHROMA_MAX) return false;
  return chroma <= CHROMA_MAX_OFF_AXIS || (b > 0 && a > -0.35 * b && a < 0.7 * b);
}

const median = (histogram: Uint32Array): number => {
  const count = histogram.reduce((sum, inBin) => sum + inBin, 0);
  let seen = 0;
  for (const [value, inBin] of histogram.entries()) {
    seen += inBin;
    if (seen * 2 >= count) return value;
  }
  return histogram.length - 1;
};

/**
 * The colour of the held page's paper: the per-channel median around the commonest lightness among the page's bright pixels (from 60 % of its
 * 98th percentile up). Where no bright tone holds 5 % of the page, or where it cannot be paper, the brightest 2 % are taken, made neutral
 * when they cannot be paper either.
 */
export function paperTone(kernels: PageKernels): PaperTone {
  const histogram = kernels.lumas();
  const pixels = histogram.reduce((sum, count) => sum + count, 0);
  let bright = 255;
  for (let above = 0; bright > 0; bright--) {
    above += histogram[bright]!;
    if (above > pixels * 0.02) break;
  }
  const reach = 6;
  let mode = bright;
  let modeMass = 0;
  for (let value = Math.floor(bright * 0.6); value <= bright; value++) {
    let mass = 0;
    for (let near = Math.max(0, value - reach); near <= Math.min(255, value + reach); near++) mass += histogram[near]!;
    if (mass > modeMass) [mode, modeMass] = [value, mass];
  }

  const medianTone = (from: number, to: number): PaperTone => {
    const [red, green, blue] = kernels.channelsWithin(from, to).map((counts) => LINEAR[Math.max(8, median(counts))]!);
    return [red!, green!, blue!];
  };

  if (modeMass >= pixels * 0.05) {
    const tone = medianTone(mode - reach, mode + reach);
    if (couldBePaper(tone)) return tone;
  }
  const brightest = medianTone(bright, 255);
  if (couldBePaper(brightest)) return brightest;
  const level = Math.max(brightest[0], brightest[1], brightest[2]);
  return [level, level, level];
}

/** Makes the held page's half in CIE Lab relative to its paper: paper is (100, 0, 0). Gives how many pixels have each lightness, 0 to 100. */
export function whiten(kernels: PageKernels, paper: PaperTone): Uint32Array {
  const relativeTo = (level: number) => LINEAR.map((value) => Math.min(value / level, 1.1));
  return kernels.toLab({
    channels: [relativeTo(paper[0]), relativeTo(paper[1]), relativeTo(paper[2])],
    matrix: [...X, ...Y, ...Z],
    curve: CURVE,
    stepsPerUnit: CURVE_STEPS / CURVE_MAX,
  });
}
