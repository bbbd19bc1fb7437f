import { describe, expect, it } from 'vitest';
import { accuracy, auc, heldoutScores, type Judged } from './scores.ts';

const judged = (positives: number[], negatives: number[]): Judged[] => [
  ...positives.map((score) => ({ score, positive: true })),
  ...negatives.map((score) => ({ score, positive: false })),
];

describe('auc', () => {
  it('is the share of pairs in order: 5 of 6 here', () => {
    // 0.9 beats 0.1, 0.5; 0.6 beats 0.1, 0.5; 0.4 beats 0.1 and loses to 0.5.
    expect(auc(judged([0.9, 0.6, 0.4], [0.1, 0.5]))).toBeCloseTo(5 / 6, 12);
  });

  it('counts a tie as half a pair', () => {
    // 0.5 against 0.5 is half, against 0.2 one; 0.2 against 0.5 none, against 0.2 half: 2 of 4.
    expect(auc(judged([0.5, 0.2], [0.5, 0.2]))).toBe(0.5);
    // 0.7 beats both; 0.3 ties with one and beats none: 2.5 of 4.
    expect(auc(judged([0.7, 0.3], [0.3, 0.4]))).toBe(0.625);
  });

  it('is 1 and 0 at the extremes, and one half when everything ties', () => {
    expect(auc(judged([3, 4], [1, 2]))).toBe(1);
    expect(auc(judged([1, 2], [3, 4]))).toBe(0);
    expect(auc(judged([1, 1, 1], [1, 1]))).toBe(0.5);
  });

  it('is not a number without a pair', () => {
    expect(auc(judged([1], []))).toBeNaN();
    expect(auc([])).toBeNaN();
  });
});

describe('accuracy', () => {
  it('takes a score at the threshold as positive', () => {
    expect(accuracy(judged([0.5, 0.49], [0.5, 0.1]))).toBe(0.5);
    expect(accuracy(judged([0.5, 0.7], [0.49]))).toBe(1);
  });

  it('is not a number of nothing', () => {
    expect(accuracy([])).toBeNaN();
  });
});

describe('heldoutScores', () => {
  it('leaves out NOT_SURE and pages that truth does not know', () => {
    const truth = new Map([
      [1, 'HQ'],
      [2, 'LQ'],
      [3, 'NOT_SURE'],
      [4, 'LQ'],
    ] as const);
    const predictions = [
      { pageId: 1, mean: 0.8 },
      { pageId: 2, mean: 0.6 },
      { pageId: 3, mean: 0.0 },
      { pageId: 4, mean: 0.1 },
      { pageId: 99, mean: 0.9 },
    ];
    expect(heldoutScores(predictions, truth)).toEqual({ accuracy: 2 / 3, auc: 1, pages: 3 });
  });
});
