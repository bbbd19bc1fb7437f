import { describe, expect, it } from 'vitest';
import { estimateAudit } from './audit-estimate.ts';

const stratum = (listed: boolean, pageCount: number, auditedCount: number, hqCount: number) => ({
  listed,
  pageCount,
  auditedCount,
  hqCount,
});

describe('the estimates', () => {
  it('weigh strata by their pages and count labelled pages as found', () => {
    const figures = estimateAudit(
      [stratum(true, 800, 40, 40), stratum(true, 200, 40, 30), stratum(false, 1000, 50, 5)],
      100,
    );
    // Found 100 + 800 + 150 of 1,100 listed; missed 100.
    expect(figures.precision.estimate).toBeCloseTo(1050 / 1100, 12);
    expect(figures.recall.estimate).toBeCloseTo(1050 / 1150, 12);
    for (const { low, estimate, high } of [figures.precision, figures.recall]) {
      expect(low).toBeLessThan(estimate);
      expect(high).toBeGreaterThan(estimate);
      expect(high).toBeLessThanOrEqual(1);
    }
  });

  it('are certain when every page was seen', () => {
    const figures = estimateAudit([stratum(true, 20, 20, 19), stratum(false, 30, 30, 1)], 0);
    expect(figures.precision).toEqual({ estimate: 0.95, low: 0.95, high: 0.95 });
    expect(figures.recall).toEqual({ estimate: 0.95, low: 0.95, high: 0.95 });
  });

  it('admit misses that a clean sample cannot rule out', () => {
    const figures = estimateAudit([stratum(true, 1000, 100, 100), stratum(false, 9000, 100, 0)], 0);
    expect(figures.precision).toMatchObject({ estimate: 1, high: 1 });
    // The rule of three: none in 100 leaves up to 3 to 4 % open, and half as much by mid-P.
    expect(figures.precision.low).toBeGreaterThan(0.96);
    expect(figures.precision.low).toBeLessThan(0.985);
    expect(figures.recall.estimate).toBe(1);
    expect(figures.recall.low).toBeLessThan(0.85);
  });

  it('leave everything open for a side that nobody could look at', () => {
    const figures = estimateAudit([stratum(true, 10, 0, 0)], 0);
    expect(figures.precision).toMatchObject({ low: 0, high: 1 });
  });

  it('say of the pages outside what few HQ pages can say', () => {
    const strata = [stratum(true, 500, 30, 27), stratum(false, 700, 30, 2)];
    const { outside } = estimateAudit(strata, 5, { pageCount: 10_000, auditedCount: 50, hqCount: 0 });
    expect(outside).toMatchObject({ pageCount: 10_000, auditedCount: 50, hqCount: 0 });
    expect(outside!.share).toMatchObject({ estimate: 0, low: 0 });
    // By mid-P, 1 - 0.05 ** (1 / 50): none in 50 leaves 5.8 % open.
    expect(outside!.share.high).toBeCloseTo(0.058, 3);
    expect(outside!.recall.estimate).toBeCloseTo((5 + 450) / (5 + 450 + 700 / 15), 12);
    expect(outside!.recall.low).toBeLessThan(0.6);
    expect(estimateAudit(strata, 5).outside).toBeNull();
  });
});
