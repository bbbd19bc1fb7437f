import type { PageKernels } from './page-kernels.ts';
import { RASTER_SIDE } from './page-raster.ts';

// What the pigments of a page say: how much of it is coloured, in which hues, where, and whether the colour goes beyond what one ink
// on one paper can give. Everything is measured relative to the paper (paper is L 100, a 0, b 0).

const CHROMA_STEPS = [4, 8, 12, 17, 23, 31, 42, 58] as const;
const SHARE_LEVELS = [7, 12, 18, 26, 38] as const;
const HUES = 12;
const LIGHTNESS_BINS = 8;
const GRID = 4;
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

/** Writes COLOUR_DIMS numbers about the Lab planes into `out` from `offset`; returns the next offset. */
export function colourStatistics(kernels: PageKernels, out: Float32Array, offset: number): number {
  const pixels = (RASTER_SIDE / 2) ** 2;
  const { sums, coloured, paper, edge, colouredAtEdge, flatColoured, steepColoured, ...counts } = kernels.colours(
    RASTER_SIDE / 2 / 14,
    COLOURED_FROM,
  );
  const { chromas: chromaCounts, hueMasses, inkCounts } = counts;
  // How far the colours stray from the page's own ink curve: the mean colour at each lightness. A sepia photograph or a brown lithograph
  // follows its curve, whatever its tone; pigments side by side do not.
  const meanOf = (inkSums: Float64Array) => inkSums.map((sum, ink) => sum / (inkCounts[ink]! || 1));
  const strayCounts = kernels.strays(meanOf(counts.inkA), meanOf(counts.inkB));

  let to = offset;
  let low = 0;
  for (const step of [...CHROMA_STEPS, 128]) {
    let mass = 0;
    for (; low < step * 2 && low < 256; low++) mass += chromaCounts[low]!;
    out[to++] = root(mass / pixels);
  }
  for (const level of SHARE_LEVELS) out[to++] = logShare(tail(chromaCounts, level * 2) / pixels);
  let hueTotal = 0;
  for (let hue = 0; hue < HUES; hue++) hueTotal += hueMasses[hue]!;
  // Hues of a page without colour are noise: the histogram fades out below half a percent of coloured pixels.
  const trust = Math.min(1, coloured / (pixels * 0.005));
  let entropy = 0;
  for (let hue = 0; hue < HUES; hue++) {
    const share = hueTotal > 0 ? hueMasses[hue]! / hueTotal : 0;
    if (share > 0) entropy -= share * Math.log(share);
    out[to++] = root(share) * trust;
  }
  out[to++] = entropy * trust;
  out[to++] = trust;
  for (const count of counts.lightnesses) out[to++] = root(count / pixels);
  for (const count of counts.joint) out[to++] = root(count / pixels);
  for (const quantile of [0.5, 0.75, 0.9, 0.96, 0.99])
    out[to++] = Math.log1p(quantileOf(chromaCounts, pixels, quantile) / 2) / 4;
  for (const quantile of [0.5, 0.75, 0.9, 0.96, 0.99])
    out[to++] = Math.log1p(quantileOf(strayCounts, pixels, quantile) / 2) / 4;

  const meanA = sums.a / pixels;
  const meanB = sums.b / pixels;
  const varA = sums.aa / pixels - meanA * meanA;
  const varB = sums.bb / pixels - meanB * meanB;
  const covariance = sums.ab / pixels - meanA * meanB;
  const half = Math.sqrt(Math.max(0, ((varA - varB) / 2) ** 2 + covariance * covariance));
  const centre = (varA + varB) / 2;
  out[to++] = meanA / 20;
  out[to++] = meanB / 20;
  out[to++] = Math.log1p(Math.sqrt(Math.max(0, centre + half))) / 4;
  out[to++] = Math.log1p(Math.sqrt(Math.max(0, centre - half))) / 4;
  out[to++] = coloured > 0 ? (sums.colouredLightness / coloured / 100) * trust : 0;
  out[to++] = root(paper / pixels);
  const cellPixels = pixels / (GRID * GRID);
  for (const count of counts.colouredCells) out[to++] = root(count / cellPixels);
  for (const count of counts.darkCells) out[to++] = root(count / cellPixels);
  const colouredInside = coloured - colouredAtEdge;
  out[to++] = root(colouredAtEdge / edge);
  out[to++] = logShare(colouredInside / (pixels - edge)) - logShare(colouredAtEdge / edge);
  out[to++] = edgeContrast(counts.colouredCells);
  out[to++] = edgeContrast(counts.darkCells);
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
