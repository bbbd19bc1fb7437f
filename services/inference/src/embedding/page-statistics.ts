import { COLOUR_DIMS, colourStatistics } from './colour-statistics.ts';
import type { PageKernels } from './page-kernels.ts';
import type { PageRaster } from './page-raster.ts';
import { paperTone, whiten } from './paper-tone.ts';
import { relativeTone } from './relative-tone.ts';
import { STROKE_DIMS, strokeStatistics } from './stroke-statistics.ts';
import { TEXT_LINE_DIMS, textLineStatistics } from './text-line-statistics.ts';

/** Numbers that describe a page without any learnt weights. */
export const STATISTICS_DIMS = COLOUR_DIMS + STROKE_DIMS + TEXT_LINE_DIMS;
/** Part of the name and hash of every embedding that holds them: raise it when any number below changes its meaning. */
export const STATISTICS_VERSION = 1;

/**
 * Colour, stroke and text-line statistics of a page with its paper's tone taken out: STATISTICS_DIMS numbers, each of the order of 1, written
 * into `out` from `offset`. The page stays held by the kernels.
 */
export function pageStatistics(
  page: PageRaster,
  kernels: PageKernels,
  out = new Float32Array(STATISTICS_DIMS),
  offset = 0,
): Float32Array {
  kernels.hold(page.rgb);
  const paper = paperTone(kernels);
  const lightnesses = whiten(kernels, paper);
  let next = colourStatistics(kernels, out, offset);
  const energies = relativeTone(kernels, paper, lightnesses);
  next = strokeStatistics(kernels, energies, out, next);
  textLineStatistics(kernels, page.aspect, out, next);
  return out;
}
