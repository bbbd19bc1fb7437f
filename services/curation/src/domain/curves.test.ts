import { expect, it } from 'vitest';
import { curvesOf, type PagePrediction } from './curves.ts';

const page = (pageId: number, mean: number, entropy: number, disagreement = 0): PagePrediction => ({
  pageId,
  itemId: pageId,
  members: [mean, mean],
  mean,
  entropy,
  disagreement,
});

it('averages over the set unlabelled and compares over the set stop', () => {
  const curves = curvesOf({
    unlabelled: { now: [page(1, 0.9, 0.2, 0.4), page(2, 0.2, 0.4)], before: [page(1, 0.4, 0), page(2, 0.1, 0)] },
    stop: { now: [page(3, 0.9, 0.1), page(4, 0.1, 0.1)], before: [page(3, 0.8, 0), page(4, 0.2, 0)] },
  });
  expect(curves.meanEntropy).toBeCloseTo(0.3, 12);
  expect(curves.meanDisagreement).toBeCloseTo(0.2, 12);
  expect(curves).toMatchObject({ changeOfMind: 0.5, kappa: 1, fChangeBound: 0 });
  // Two pages that did not change rule out next to nothing: up to 78 % of such pages may have changed.
  expect(curves.kappaLow).toBeCloseTo(1 - (1 - Math.sqrt(0.05)) / 0.5, 6);
  expect(curves.bySet.unlabelled).toMatchObject({ pageCount: 2, hqShare: 0.5, changeOfMindByMember: [0.5, 0.5] });
  expect(curves.bySet.stop.changeOfMind).toBe(0);
});

it('leaves open what the first iteration and an empty set cannot say', () => {
  const curves = curvesOf({ unlabelled: { now: [page(1, 0.9, 0.2)], before: [] }, stop: { now: [], before: [] } });
  expect(curves).toMatchObject({ meanEntropy: 0.2, changeOfMind: null, kappa: null, fChangeBound: null });
  expect(curves.bySet.stop).toMatchObject({ pageCount: 0, meanEntropy: null });
});
