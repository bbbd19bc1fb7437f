import { expect, it } from 'vitest';
import { openPageKernels } from './page-kernels.ts';
import { RASTER_BYTES, RASTER_SIDE } from './page-raster.ts';
import { resamplePage } from './resample-page.ts';

const raster = Uint8Array.from({ length: RASTER_BYTES }, (_, at) => (at * 7919) % 251);

it('gives at half the side what the kernels give, and at the full side the raster itself', () => {
  const half = new Uint8Array(RASTER_BYTES / 4 + 5);
  resamplePage(raster, RASTER_SIDE / 2, half, 5);
  const kernels = openPageKernels();
  kernels.hold(raster);
  // Halves are rounded by either in its own way.
  for (const [at, value] of kernels.half.entries()) expect(Math.abs(half[5 + at]! - value)).toBeLessThanOrEqual(1);
  const full = new Uint8Array(RASTER_BYTES);
  resamplePage(raster, RASTER_SIDE, full, 0);
  expect(Buffer.compare(full, raster)).toBe(0);
});

it('keeps the mean of the page at a side that does not divide it', () => {
  const small = new Uint8Array(3 * 150 * 150);
  resamplePage(raster, 150, small, 0);
  const meanOf = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(meanOf(small)).toBeCloseTo(meanOf(raster), 1);
});
