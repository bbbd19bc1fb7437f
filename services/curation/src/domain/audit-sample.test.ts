import { describe, expect, it } from 'vitest';
import { SampleDraw, type Scored, ScoreHistogram } from './audit-sample.ts';

const pages = (count: number): Scored[] =>
  Array.from({ length: count }, (_, i) => {
    const probability = ((i * 7919) % count) / count;
    return { pageId: i + 1, probability, listed: probability >= 0.5 };
  });

const draw = (candidates: readonly Scored[], count: number, seed = 'list 1') => {
  const histogram = new ScoreHistogram();
  for (const page of candidates) histogram.add(page);
  const sample = new SampleDraw(histogram.cut(count), seed);
  for (const page of candidates) sample.offer(page);
  return sample.result();
};
const drawnIds = (strata: { pageIds: number[] }[]) => strata.flatMap(({ pageIds }) => pageIds);

describe('the audit sample', () => {
  it('has the size asked for, and no page twice', () => {
    const candidates = pages(3000);
    const strata = draw(candidates, 120);
    const ids = drawnIds(strata);
    expect(ids).toHaveLength(120);
    expect(new Set(ids).size).toBe(120);
  });

  it('counts every candidate in exactly one stratum', () => {
    const candidates = pages(3000);
    const strata = draw(candidates, 120);
    expect(strata.reduce((sum, stratum) => sum + stratum.pageCount, 0)).toBe(3000);
    expect(strata.filter(({ listed }) => listed).reduce((sum, stratum) => sum + stratum.pageCount, 0)).toBe(1500);
    for (const { listed, low, high, pageIds } of strata)
      for (const id of pageIds) {
        const { probability } = candidates[id - 1]!;
        expect([listed, probability >= low, probability < high || high === 1]).toEqual([
          probability >= 0.5,
          true,
          true,
        ]);
      }
  });

  it('knows of pages that nobody will look at', () => {
    expect(draw(pages(3000), 0)).toEqual([
      { number: 1, listed: true, low: 0, high: 1, sampleCount: 0, pageCount: 1500, pageIds: [] },
      { number: 2, listed: false, low: 0, high: 1, sampleCount: 0, pageCount: 1500, pageIds: [] },
    ]);
  });

  it('looks more closely where scores are torn', () => {
    const strata = draw(pages(3000), 120);
    const rate = (probability: number) => {
      const { pageIds, pageCount } = strata.find(
        ({ listed, low, high }) => listed === probability >= 0.5 && low <= probability && probability < high,
      )!;
      return pageIds.length / pageCount;
    };
    expect(rate(0.45)).toBeGreaterThan(rate(0.02));
    expect(rate(0.55)).toBeGreaterThan(rate(0.98));
  });

  it('is the same for the same seed in whatever order pages come, and another for another seed', () => {
    const candidates = pages(1000);
    const ids = drawnIds(draw(candidates, 60));
    expect(drawnIds(draw([...candidates].reverse(), 60))).toEqual(ids);
    expect(drawnIds(draw(candidates, 60, 'list 2'))).not.toEqual(ids);
  });

  it('takes all there is when asked for more, and spends on one side what the other lacks', () => {
    expect(drawnIds(draw(pages(50), 100))).toHaveLength(50);
    const fewListed = pages(1000).filter(({ listed, pageId }) => !listed || pageId % 100 === 1);
    const strata = draw(fewListed, 90);
    expect(drawnIds(strata)).toHaveLength(90);
  });

  it('is empty when nobody is left to ask about', () => {
    expect(draw([], 10)).toEqual([]);
  });

  it('draws every page of a stratum equally often', () => {
    const candidates = pages(200);
    const times = new Map<number, number>();
    for (let seed = 0; seed < 400; seed++)
      for (const id of drawnIds(draw(candidates, 30, `seed ${seed}`))) times.set(id, (times.get(id) ?? 0) + 1);
    const [first] = draw(candidates, 30).filter(({ listed }) => listed);
    const inFirst = candidates.filter(
      ({ listed, probability }) => listed && probability >= first!.low && probability < first!.high,
    );
    const mean = (400 * first!.sampleCount) / inFirst.length;
    for (const { pageId } of inFirst) {
      expect(times.get(pageId) ?? 0).toBeGreaterThan(mean - 5 * Math.sqrt(mean));
      expect(times.get(pageId) ?? 0).toBeLessThan(mean + 5 * Math.sqrt(mean));
    }
  });
});
