import { scoresOf } from '@florilegium/ensemble/arithmetic';
import { expect, it } from 'vitest';
import { judge, measure } from './measures.ts';

const probabilities = [0.9, 0.4, 0.6, 0.2, 0.6, 0.1];
const labels = ['HQ', 'HQ', 'LQ', 'LQ', 'HQ', 'NOT_SURE'] as const;
const items = [0, 0, 1, 1, 2, 2];

it('measures as the product does, NOT_SURE left out', () => {
  const product = scoresOf(probabilities.slice(0, 5), [1, 1, 0, 0, 1]);
  const measured = measure(judge(probabilities, labels, items))!;
  expect(measured.accuracy).toBeCloseTo(product.accuracy, 12);
  expect(measured.auc).toBeCloseTo(product.auc, 12);
  expect(measured.ece).toBeCloseTo(product.calibrationError, 6);
});

it('counts precision and recall of HQ', () => {
  // 0.9, 0.6 and 0.6 are called HQ, two of them are; of three HQ pages two are found.
  expect(measure(judge(probabilities, labels, items))).toMatchObject({
    precision: 2 / 3,
    recall: 2 / 3,
    accuracy: 3 / 5,
  });
});

it('gives a page as often as its item was drawn', () => {
  const twice = measure(judge(probabilities, labels, items), [2, 1, 0])!;
  const doubled = judge(
    [...probabilities.slice(0, 4), ...probabilities.slice(0, 2)],
    [...labels.slice(0, 4), ...labels.slice(0, 2)],
    [0, 0, 1, 1, 0, 0],
  );
  expect(twice).toEqual(measure(doubled));
});

it('says 0.5 for the AUC of one class and nothing of no pages', () => {
  expect(measure(judge([0.7, 0.8], ['HQ', 'HQ'], [0, 0]))).toMatchObject({ auc: 0.5, accuracy: 1 });
  expect(measure(judge([0.7], ['HQ'], [0]), [0])).toBeUndefined();
});
