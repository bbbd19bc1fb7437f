import { type Random, seededRandom } from '@florilegium/random';
import { describe, expect, it } from 'vitest';
import { estimateAudit } from './audit-estimate.ts';
import { SampleDraw, ScoreHistogram } from './audit-sample.ts';

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

  it('are the same for the same seed', () => {
    const strata = [stratum(true, 500, 30, 27), stratum(false, 700, 30, 2)];
    expect(estimateAudit(strata, 5)).toEqual(estimateAudit(strata, 5));
  });
});

/** Candidates whose score is a noisy logit of the truth: `separation` tells how well scores part HQ from the rest. */
function population(pages: number, prevalence: number, separation: number, random: Random) {
  return Array.from({ length: pages }, (_, pageId) => {
    const isHq = random.next() < prevalence;
    const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    const logit = (isHq ? separation : -separation) + 0.3 * Math.log(prevalence / (1 - prevalence)) + 1.5 * normal;
    const probability = 1 / (1 + Math.exp(-logit));
    return { pageId, probability, listed: probability >= 0.5, open: true, isHq };
  });
}

it('covers the truth in 95 of 100 audits, over prevalences, separations and sample sizes', { timeout: 120_000 }, () => {
  const cells: { name: string; coverage: number }[] = [];
  const runs = 150;
  for (const prevalence of [0.03, 0.3, 0.7])
    for (const separation of [1.2, 4])
      for (const sampleCount of [60, 240]) {
        const name = `prevalence ${prevalence}, separation ${separation}, ${sampleCount} audited`;
        const random = seededRandom(name);
        let precisionHits = 0;
        let recallHits = 0;
        for (let run = 0; run < runs; run++) {
          const pages = population(1500, prevalence, separation, random);
          const histogram = new ScoreHistogram();
          for (const page of pages) histogram.add(page);
          const sample = new SampleDraw(histogram.cut(sampleCount), `${name} ${run}`);
          for (const page of pages) sample.offer(page);
          const strata = sample.result().map(({ listed, pageCount, pageIds }) => ({
            listed,
            pageCount,
            auditedCount: pageIds.length,
            hqCount: pageIds.filter((id) => pages[id]!.isHq).length,
          }));
          const figures = estimateAudit(strata, 0, { draws: 400, seed: `${run}` });
          const listed = pages.filter((page) => page.listed);
          const found = listed.filter((page) => page.isHq).length;
          const holds = ({ low, high }: { low: number; high: number }, truth: number) =>
            low <= truth + 1e-12 && truth <= high + 1e-12;
          if (holds(figures.precision, found / listed.length)) precisionHits++;
          if (holds(figures.recall, found / pages.filter((page) => page.isHq).length)) recallHits++;
        }
        cells.push({ name: `${name}: precision`, coverage: precisionHits / runs });
        cells.push({ name: `${name}: recall`, coverage: recallHits / runs });
      }
  const mean = cells.reduce((sum, cell) => sum + cell.coverage, 0) / cells.length;
  expect(cells.filter(({ coverage }) => coverage < 0.92)).toEqual([]);
  expect(mean).toBeGreaterThanOrEqual(0.94);
});
