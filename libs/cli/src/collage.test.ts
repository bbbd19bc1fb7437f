import sharp from 'sharp';
import { expect, it } from 'vitest';
import { makeCollage } from './collage.ts';

const page = (width: number, height: number, red: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: red, g: 10, b: 10 } } })
    .png()
    .toBuffer();

it('fills rows with whole pictures and lets the edges meet', async () => {
  const images = await Promise.all([
    page(100, 200, 200),
    page(150, 200, 210),
    page(80, 160, 220),
    page(200, 200, 230),
    page(10, 10, 240),
  ]);
  const bytes = await makeCollage(images, { columns: 2, rows: 2, rowHeightPx: 100, gapPx: 4 });
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  // Second row: 50 + 100 px and three gaps; it is the widest. Two rows of 100 px and three gaps.
  expect([info.format, info.width, info.height]).toEqual(['raw', 162, 212]);
  const red = (x: number, y: number) => data[(y * info.width + x) * 3]!;
  expect(red(30, 50)).toBeGreaterThan(150);
  expect(red(info.width - 5, 50)).toBeGreaterThan(150);
  expect(red(info.width - 5, 160)).toBeGreaterThan(150);
  expect(red(1, 50)).toBeLessThan(60);
});
