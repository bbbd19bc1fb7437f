import { describe, expect, it } from 'vitest';
import { layCollage } from './collage-layout.ts';

const sheet = { width: 1200, height: 800, gap: 10 };

describe('layCollage', () => {
  it('keeps every picture whole, on the sheet, in its ratio, and apart from the others', () => {
    const ratios = Array.from({ length: 37 }, (_, index) => 0.55 + (index % 7) * 0.15);
    const laid = layCollage(ratios, sheet);
    expect(laid).toHaveLength(37);
    for (const [index, { x, y, width, height }] of laid.entries()) {
      expect(width / height).toBeCloseTo(ratios[index]!, 6);
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(-1e-6);
      expect(x + width).toBeLessThanOrEqual(sheet.width + 1e-6);
      expect(y + height).toBeLessThanOrEqual(sheet.height + 1e-6);
      for (const other of laid.slice(index + 1))
        expect(
          other.x >= x + width - 1e-6 ||
            x >= other.x + other.width - 1e-6 ||
            other.y >= y + height - 1e-6 ||
            y >= other.y + other.height - 1e-6,
        ).toBe(true);
    }
  });

  it('fills most of the sheet', () => {
    const laid = layCollage(Array(40).fill(0.65), sheet);
    const area = laid.reduce((sum, { width, height }) => sum + width * height, 0);
    expect(area / (sheet.width * sheet.height)).toBeGreaterThan(0.75);
  });

  it('lays one picture in the middle, and nothing for none', () => {
    const [only] = layCollage([1], sheet);
    expect(only).toEqual({ x: 200, y: 0, width: 800, height: 800 });
    expect(layCollage([], sheet)).toEqual([]);
  });
});
