import { describe, expect, it } from 'vitest';
import { openPageKernels } from './page-kernels.ts';
import { type PageRaster, RASTER_SIDE } from './page-raster.ts';
import * as statistics from './page-statistics.ts';

const kernels = openPageKernels();
const { STATISTICS_DIMS } = statistics;
const pageStatistics = (page: PageRaster) => statistics.pageStatistics(page, kernels);

type Colour = readonly [number, number, number];
const ink: Colour = [30, 28, 26];

/** A page painted by a function of place; paper's tone multiplies in linear light, as a dye in the paper does. */
function aPage(paint: (x: number, y: number) => Colour | undefined, paper: Colour = [250, 250, 250]) {
  const linear = (value: number) => (value / 255) ** 2.2;
  const rgb = new Uint8Array(RASTER_SIDE * RASTER_SIDE * 3);
  for (let y = 0, at = 0; y < RASTER_SIDE; y++) {
    for (let x = 0; x < RASTER_SIDE; x++, at += 3) {
      const colour = paint(x, y) ?? [255, 255, 255];
      for (let channel = 0; channel < 3; channel++)
        rgb[at + channel] = Math.round(255 * (linear(colour[channel]!) * linear(paper[channel]!)) ** (1 / 2.2));
    }
  }
  return { rgb, aspect: 0.7 };
}

const text = (x: number, y: number) =>
  x > 60 && x < 390 && y > 60 && y < 390 && y % 12 < 5 && (x * 7 + (y >> 3)) % 5 < 3 ? ink : undefined;
const flower = (x: number, y: number): Colour | undefined => {
  const radius = Math.hypot(x - 224, y - 180);
  if (radius < 70) return [200, 40 + radius, 60];
  return Math.abs(x - 224) < 6 && y > 180 && y < 380 ? [40, 120, 50] : undefined;
};

const distance = (a: Float32Array, b: Float32Array) =>
  Math.sqrt(a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0));

describe('page statistics', () => {
  it('are finite and of the order of 1 for any page', () => {
    const noise = (x: number, y: number): Colour => [(x * y * 31) % 256, (x * 17 + y * 101) % 256, (x * x + y) % 256];
    for (const page of [text, flower, noise, () => undefined, () => [0, 0, 0] as const, () => [20, 60, 200] as const]) {
      const values = pageStatistics(aPage(page));
      expect(values).toHaveLength(STATISTICS_DIMS);
      for (const value of values) expect(Math.abs(value)).toBeLessThan(5);
    }
  });

  it('are the same every time', () => {
    expect(pageStatistics(aPage(flower))).toEqual(pageStatistics(aPage(flower)));
  });

  it('hardly see the tone of the paper, and see colour on every paper', () => {
    const between = distance(pageStatistics(aPage(text)), pageStatistics(aPage(flower)));
    for (const paper of [
      [245, 228, 190],
      [214, 180, 130],
      [190, 190, 188],
    ] as const) {
      for (const print of [text, flower]) {
        expect(distance(pageStatistics(aPage(print)), pageStatistics(aPage(print, paper)))).toBeLessThan(between / 6);
      }
    }
  });
});
