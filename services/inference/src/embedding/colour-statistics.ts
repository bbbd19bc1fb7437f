import type { LabPlanes } from './paper-tone.ts';

// What the pigments of a page say: how much of it is coloured, in which hues, where, and whether the colour goes beyond what one ink
// on one paper can give. Everything is measured relative to the paper (paper is L 100, a 0, b 0).

const CHROMA_STEPS = [4, 8, 12, 17, 23, 31, 42, 58] as const;
const SHARE_LEVELS = [7, 12, 18, 26, 38] as const;
const HUES = 12;
const LIGHTNESS_BINS = 8;
const GRID = 4;
const INK_BINS = 16;
/** Chroma from which a pixel counts as coloured: above what uneven paper and the chroma noise of JPEG and WebP leave. */
export const COLOURED_FROM = 14;

export const COLOUR_DIMS =
  CHROMA_STEPS.length +
  1 +
  SHARE_LEVELS.length +
  HUES +
  2 +
  LIGHTNESS_BINS +
  3 * 4 +
  5 +
  5 +
  6 +
  2 * GRID * GRID +
  4 +
  4;

const root = (share: number) => Math.sqrt(Math.max(0, share));

/** Writes COLOUR_DIMS numbers into `out` from `offset`, for square planes of `side` pixels; returns the next offset. */
export function colourStatistics(
  { lightness, a, b }: LabPlanes,
  side: number,
  out: Float32Array,
  offset: number,
): number {
  const pixels = side * side;
  const chroma = new Float32Array(pixels);
  const chromaCounts = new Uint32Array(256);
  const hueMass = new Float64Array(HUES);
  const lightnessCounts = new Uint32Array(LIGHTNESS_BINS);
  const joint = new Uint32Array(12);
  const colouredCells = new Uint32Array(GRID * GRID);
  const darkCells = new Uint32Array(GRID * GRID);
  const inkCount = new Uint32Array(INK_BINS);
  const inkA = new Float64Array(INK_BINS);
  const inkB = new Float64Array(INK_BINS);
  let sumA = 0;
  let sumB = 0;
  let sumAA = 0;
  let sumBB = 0;
  let sumAB = 0;
  let coloured = 0;
  let paper = 0;
  let colouredAtEdge = 0;
  let edge = 0;
  let flatColoured = 0;
  let steepColoured = 0;
  let colouredLightness = 0;
  const margin = side / 14;
  const cell = side / GRID;
  for (let y = 0, at = 0; y < side; y++) {
    const inMarginRow = y < margin || y >= side - margin;
    const cellRow = Math.floor(y / cell) * GRID;
    for (let x = 0; x < side; x++, at++) {
      const l = lightness[at]!;
      const pa = a[at]!;
      const pb = b[at]!;
      const c = Math.sqrt(pa * pa + pb * pb);
      chroma[at] = c;
      chromaCounts[c >= 127.5 ? 255 : (c * 2) | 0]!++;
      const lightBin = l >= 100 ? LIGHTNESS_BINS - 1 : l <= 0 ? 0 : (l * (LIGHTNESS_BINS / 100)) | 0;
      lightnessCounts[lightBin]!++;
      joint[(c < 8 ? 0 : c < 20 ? 1 : 2) * 4 + (lightBin >> 1)]!++;
      sumA += pa;
      sumB += pb;
      sumAA += pa * pa;
      sumBB += pb * pb;
      sumAB += pa * pb;
      const ink = l >= 100 ? INK_BINS - 1 : l <= 0 ? 0 : (l * (INK_BINS / 100)) | 0;
      inkCount[ink]!++;
      inkA[ink]! += pa;
      inkB[ink]! += pb;
      if (l > 88 && c < 8) paper++;
      const isMargin = inMarginRow || x < margin || x >= side - margin;
      if (isMargin) edge++;
      const inCell = cellRow + Math.floor(x / cell);
      if (l < 55) darkCells[inCell]!++;
      if (c < COLOURED_FROM) continue;
      coloured++;
      colouredLightness += l;
      if (isMargin) colouredAtEdge++;
      colouredCells[inCell]!++;
      const hue = ((Math.atan2(pb, pa) / (2 * Math.PI) + 1) % 1) * HUES;
      const lower = Math.floor(hue) % HUES;
      hueMass[lower]! += c * (1 - (hue - Math.floor(hue)));
      hueMass[(lower + 1) % HUES]! += c * (hue - Math.floor(hue));
      if (x > 0 && y > 0) {
        const step = Math.abs(l - lightness[at - 1]!) + Math.abs(l - lightness[at - side]!);
        if (step < 2.5) flatColoured++;
        else if (step > 16) steepColoured++;
      }
    }
  }

  // How far the colours stray from the page's own ink curve: the mean colour at each lightness. A sepia photograph or a brown lithograph
  // follows its curve, whatever its tone; pigments side by side do not.
  for (let bin = 0; bin < INK_BINS; bin++) {
    inkA[bin]! /= inkCount[bin]! || 1;
    inkB[bin]! /= inkCount[bin]! || 1;
  }
  const strayCounts = new Uint32Array(256);
  for (let at = 0; at < pixels; at++) {
    const place = Math.min(INK_BINS - 1, Math.max(0, lightness[at]! * (INK_BINS / 100) - 0.5));
    const lower = Math.floor(place);
    const upper = Math.min(INK_BINS - 1, lower + 1);
    const mix = place - lower;
    const strayA = a[at]! - (inkA[lower]! * (1 - mix) + inkA[upper]! * mix);
    const strayB = b[at]! - (inkB[lower]! * (1 - mix) + inkB[upper]! * mix);
    const stray = Math.sqrt(strayA * strayA + strayB * strayB);
    strayCounts[stray >= 127.5 ? 255 : (stray * 2) | 0]!++;
  }

  let to = offset;
  let low = 0;
  for (const step of [...CHROMA_STEPS, 128]) {
    let mass = 0;
    for (; low < step * 2 && low < 256; low++) mass += chromaCounts[low]!;
    out[to++] = root(mass / pixels);
  }
  for (const level of SHARE_LEVELS) out[to++] = logShare(tail(chromaCounts, level * 2) / pixels);
  let hueTotal = 0;
  for (let hue = 0; hue < HUES; hue++) hueTotal += hueMass[hue]!;
  // Hues of a page without colour are noise: the histogram fades out below half a percent of coloured pixels.
  const trust = Math.min(1, coloured / (pixels * 0.005));
  let entropy = 0;
  for (let hue = 0; hue < HUES; hue++) {
    const share = hueTotal > 0 ? hueMass[hue]! / hueTotal : 0;
    if (share > 0) entropy -= share * Math.log(share);
    out[to++] = root(share) * trust;
  }
  out[to++] = entropy * trust;
  out[to++] = trust;
  for (const count of lightnessCounts) out[to++] = root(count / pixels);
  for (const count of joint) out[to++] = root(count / pixels);
  for (const quantile of [0.5, 0.75, 0.9, 0.96, 0.99])
    out[to++] = Math.log1p(quantileOf(chromaCounts, pixels, quantile) / 2) / 4;
  for (const quantile of [0.5, 0.75, 0.9, 0.96, 0.99])
    out[to++] = Math.log1p(quantileOf(strayCounts, pixels, quantile) / 2) / 4;

  const meanA = sumA / pixels;
  const meanB = sumB / pixels;
  const varA = sumAA / pixels - meanA * meanA;
  const varB = sumBB / pixels - meanB * meanB;
  const covariance = sumAB / pixels - meanA * meanB;
  const half = Math.sqrt(Math.max(0, ((varA - varB) / 2) ** 2 + covariance * covariance));
  const centre = (varA + varB) / 2;
  out[to++] = meanA / 20;
  out[to++] = meanB / 20;
  out[to++] = Math.log1p(Math.sqrt(Math.max(0, centre + half))) / 4;
  out[to++] = Math.log1p(Math.sqrt(Math.max(0, centre - half))) / 4;
  out[to++] = coloured > 0 ? (colouredLightness / coloured / 100) * trust : 0;
  out[to++] = root(paper / pixels);
  const cellPixels = pixels / (GRID * GRID);
  for (const count of colouredCells) out[to++] = root(count / cellPixels);
  for (const count of darkCells) out[to++] = root(count / cellPixels);
  const colouredInside = coloured - colouredAtEdge;
  out[to++] = root(colouredAtEdge / edge);
  out[to++] = logShare(colouredInside / (pixels - edge)) - logShare(colouredAtEdge / edge);
  out[to++] = edgeContrast(colouredCells);
  out[to++] = edgeContrast(darkCells);
  out[to++] = coloured > 0 ? (flatColoured / coloured) * trust : 0;
  out[to++] = coloured > 0 ? (steepColoured / coloured) * trust : 0;
  out[to++] = root(flatColoured / pixels);
  out[to++] = root(steepColoured / pixels);
  return to;
}

/** log of a share, scaled so that nothing is 0 and everything 1; a tenth of a percent is 0.11. */
const logShare = (share: number) => Math.log1p(share * 1000) / Math.log(1001);

const tail = (counts: Uint32Array, from: number): number => {
  let mass = 0;
  for (let bin = from; bin < counts.length; bin++) mass += counts[bin]!;
  return mass;
};

function quantileOf(counts: Uint32Array, total: number, quantile: number): number {
  let seen = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const inBin = counts[bin]!;
    if (seen + inBin >= total * quantile) return bin + (total * quantile - seen) / inBin;
    seen += inBin;
  }
  return counts.length;
}

/** Share of the counts that lies in the four middle cells of the grid. */
function edgeContrast(cells: Uint32Array): number {
  let all = 0;
  for (const count of cells) all += count;
  return all === 0 ? 0.25 : (cells[5]! + cells[6]! + cells[9]! + cells[10]!) / all;
}
