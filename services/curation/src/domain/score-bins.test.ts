import { seededRandom } from '@florilegium/random';
import { describe, expect, it } from 'vitest';
import { addJudged, addScore, countPages, emptyScoreBins, figuresAt, thresholdFor } from './score-bins.ts';

describe('the figures at a threshold', () => {
  it('count labels before scores, and expect what the calibrated scores say', () => {
    const bins = emptyScoreBins();
    for (const probability of [0.9, 0.8, 0.4, 0.1]) addScore(bins, probability, null);
    addScore(bins, 0.2, 'HQ');
    addScore(bins, 0.99, 'LQ');
    addScore(bins, 0.95, 'NOT_SURE');
    const figures = figuresAt(bins, 0.5);
    expect(figures.listedCount).toBe(3);
    expect(figures.expectedPrecision).toBeCloseTo((1 + 0.9 + 0.8) / 3);
    expect(figures.expectedRecall).toBeCloseTo(2.7 / 3.2);
    expect(figures.expectedPrecisionLow).toBeNull();
    expect(countPages(bins)).toBe(7);
    expect(figuresAt(bins, 1)).toMatchObject({ listedCount: 1, expectedPrecision: 1 });
  });

  it('say nothing of a list without a page', () => {
    expect(figuresAt(emptyScoreBins(), 0.5)).toEqual({
      threshold: 0.5,
      listedCount: 0,
      expectedPrecision: null,
      expectedPrecisionLow: null,
      expectedRecall: null,
    });
  });

  it('cut where the threshold stands, at every threshold of three decimals', () => {
    const bins = emptyScoreBins();
    for (let edge = 0; edge < 1000; edge++) addScore(bins, (edge + 0.5) / 1000, null);
    for (let edge = 0; edge <= 1000; edge++) expect(figuresAt(bins, edge / 1000).listedCount).toBe(1000 - edge);
  });

  it('bound the precision below the truth in at least 95 of 100 draws of labels', () => {
    const random = seededRandom('bound');
    let kept = 0;
    for (let draw = 0; draw < 300; draw++) {
      const bins = emptyScoreBins();
      let hq = 0;
      let listed = 0;
      for (let page = 0; page < 3000; page++) {
        const probability = random.next() ** 0.4;
        const isHq = random.next() < probability;
        addScore(bins, probability, null);
        if (probability >= 0.7) {
          listed++;
          if (isHq) hq++;
        }
      }
      // Labels of other pages, more of them where scores are middling.
      for (let label = 0; label < 400; label++) {
        const probability = random.next();
        addJudged(bins, probability, random.next() < probability ? 'HQ' : 'LQ');
      }
      if (figuresAt(bins, 0.7).expectedPrecisionLow! <= hq / listed) kept++;
    }
    expect(kept / 300).toBeGreaterThanOrEqual(0.95);
    expect(kept / 300).toBeLessThan(1);
  });
});

describe('a threshold for a target precision', () => {
  it('is the lowest that reaches it', () => {
    const bins = emptyScoreBins();
    for (let page = 0; page < 1000; page++) addScore(bins, (page + 0.5) / 1000, null);
    const { isReached, figures } = thresholdFor(bins, 0.9);
    const found = figures!;
    expect(isReached).toBe(true);
    expect(found.threshold).toBeCloseTo(0.8, 2);
    expect(found.expectedPrecision).toBeGreaterThanOrEqual(0.9);
    expect(figuresAt(bins, found.threshold - 0.001).expectedPrecision).toBeLessThan(0.9);
  });

  it('is none where no page is good enough', () => {
    const bins = emptyScoreBins();
    for (let page = 0; page < 100; page++) addScore(bins, 0.6, null);
    addScore(bins, 0.99, 'HQ');
    const { isReached, figures } = thresholdFor(bins, 0.9);
    expect(isReached).toBe(false);
    expect(figures?.expectedPrecision).toBeCloseTo(61 / 101);
    expect(thresholdFor(emptyScoreBins(), 0.9)).toEqual({ isReached: false, figures: undefined });
  });
});
