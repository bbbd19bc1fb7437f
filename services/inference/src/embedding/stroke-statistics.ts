import type { PageKernels } from './page-kernels.ts';
import { RASTER_SIDE } from './page-raster.ts';

// What the lines and tones of a page say: engraving, halftone, wash or type. Measured on lightness relative to the paper, and relative to
// the page's own contrast, so that a faded print counts like a fresh one.

const GRADIENT_STEPS = [0.03, 0.07, 0.14, 0.26, 0.45] as const;
const ORIENTATIONS = 8;
/** Where one orientation ends and the next begins: odd sixteenths of a half turn. */
const TANGENTS = [1, 3, 5, 7].map((odd) => Math.tan((odd * Math.PI) / (2 * ORIENTATIONS)));
const PATTERNS = 10;
// A neighbour counts as brighter only beyond this share of the page's contrast: paper grain and codec noise make no pattern.
const PATTERN_THRESHOLD = 0.06;
const BLOCK_STEPS = [0.015, 0.03, 0.06, 0.12, 0.2] as const;
const OCTAVES = 5;
const TONES = 6;

export const STROKE_DIMS =
  GRADIENT_STEPS.length + 1 + ORIENTATIONS + 1 + 2 * PATTERNS + BLOCK_STEPS.length + 1 + 2 * OCTAVES + TONES + 3;

const root = (share: number) => Math.sqrt(Math.max(0, share));

// Local binary patterns with at most two changes around the circle, by number of set bits; all others share the last bin.
const PATTERN_BIN = Uint8Array.from({ length: 256 }, (_, code) => {
  let ones = 0;
  let changes = 0;
  for (let bit = 0; bit < 8; bit++) {
    ones += (code >> bit) & 1;
    changes += ((code >> bit) & 1) ^ ((code >> ((bit + 1) % 8)) & 1);
  }
  return changes <= 2 ? ones : PATTERNS - 1;
});

/** Writes STROKE_DIMS numbers about the tone into `out` from `offset`; returns the next offset. `energies`: what each halving of it took away. */
export function strokeStatistics(
  kernels: PageKernels,
  energies: readonly number[],
  out: Float32Array,
  offset: number,
): number {
  let to = offset;
  const inner = (RASTER_SIDE - 2) ** 2;
  const gradients = kernels.gradients(GRADIENT_STEPS, TANGENTS);
  let reaching = inner;
  for (const count of [...gradients.counts, 0]) {
    out[to++] = root((reaching - count) / inner);
    reaching = count;
  }
  let orientationTotal = 1e-9;
  for (const mass of gradients.orientations) orientationTotal += mass;
  for (const mass of gradients.orientations) out[to++] = root(mass / orientationTotal);
  const { vertical, horizontal } = gradients;
  out[to++] = (vertical - horizontal) / (vertical + horizontal + 1e-9);
  for (const octave of [0, 1]) {
    const { counts, edges } = uniformPatterns(kernels.patterns(octave, PATTERN_THRESHOLD));
    for (const count of counts) out[to++] = root(count / Math.max(1, edges));
  }

  const { deviations, reaching: tonesReaching, mean, deviation } = kernels.blocks();
  const blocks = new Uint32Array(BLOCK_STEPS.length + 1);
  // By index: iterating over a typed array costs three times as much.
  for (let block = 0; block < deviations.length; block++) {
    let bin = 0;
    while (bin < BLOCK_STEPS.length && deviations[block]! >= BLOCK_STEPS[bin]!) bin++;
    blocks[bin]!++;
  }
  for (const count of blocks) out[to++] = root(count / deviations.length);

  // Energy that each halving removes: fine hatching and type live in the first octaves, washes and shadows in the last.
  const amplitudes = energies.map(Math.sqrt);
  let amplitudeTotal = 1e-6;
  for (const amplitude of amplitudes) amplitudeTotal += amplitude;
  for (const amplitude of amplitudes) out[to++] = amplitude * 4;
  for (const amplitude of amplitudes) out[to++] = amplitude / amplitudeTotal;

  const pixels = RASTER_SIDE ** 2;
  const tones: number[] = [];
  let brighter = pixels;
  for (const count of [...tonesReaching, 0]) {
    tones.push(brighter - count);
    brighter = count;
  }
  for (const count of tones) out[to++] = root(count / pixels);
  out[to++] = mean;
  out[to++] = deviation * 2;
  // Between 0 for ink and paper alone and 1 for middle tones alone.
  out[to++] = root((tones[2]! + tones[3]!) / Math.max(1, pixels - tones[TONES - 1]!));
  return to;
}

/** Patterns by PATTERN_BIN, of the pixels that have a brighter neighbour; and how many those are. */
function uniformPatterns(codes: Uint32Array): { counts: Uint32Array; edges: number } {
  const counts = new Uint32Array(PATTERNS);
  let edges = 0;
  for (let code = 1; code < codes.length; code++) {
    counts[PATTERN_BIN[code]!]! += codes[code]!;
    edges += codes[code]!;
  }
  return { counts, edges };
}
