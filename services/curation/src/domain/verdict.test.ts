import { expect, it } from 'vitest';
import { fChangeBound } from './agreement.ts';
import { type IterationCurve, verdictOf } from './verdict.ts';

/** Kappas on a stop set of which half is HQ, where a change of one page in a hundred costs 0.02. */
const curvesOn = (pageCount: number, ...kappas: (number | undefined)[]): IterationCurve[] =>
  kappas.map((kappa, index) => ({
    number: index + 1,
    kappa,
    fChangeBound: kappa === undefined ? undefined : fChangeBound(kappa),
    changeOfMind: kappa === undefined ? undefined : (1 - kappa) / 2,
    pageCount,
    hqShare: 0.5,
  }));
const curves = (...kappas: (number | undefined)[]) => curvesOn(1000, ...kappas);

it('continues while there is nothing to compare, or ensembles still change', () => {
  expect(verdictOf([]).decision).toBe('continue');
  expect(verdictOf(curves(undefined)).reason).toBe('there is no earlier ensemble to compare with');
  expect(verdictOf(curves(undefined, 0.9))).toEqual({
    decision: 'continue',
    reason:
      'kappa with the ensemble before is 0.900: its F-measure, of precision and recall together, can have changed by at most 44.4 %; 5.0 % of the stop pages changed their decision',
  });
});

it('may stop when the newest two agree', () => {
  expect(verdictOf(curves(undefined, 0.9, 0.98)).decision).toBe('may stop');
  expect(verdictOf(curves(undefined, 0.9, 0.98)).reason).toContain('only 2 of 3 comparisons');
  expect(verdictOf(curves(undefined, 0.9, 0.98, 0.99)).reason).toContain('mean kappa is 0.957, under 0.99');
});

it('stops when three comparisons in a row agree', () => {
  expect(verdictOf(curves(undefined, 0.8, 0.99, 0.995, 0.99)).decision).toBe('stop');
  expect(verdictOf(curves(undefined, 0.99, 0.995)).decision).toBe('may stop');
});

it('takes a stop back when the newest ensemble changed its mind', () => {
  expect(verdictOf(curves(undefined, 1, 1, 1, 0.969)).decision).toBe('continue');
});

it('does not take pages that all get one class for agreement, however many they are', () => {
  const allLq = curvesOn(100_000, undefined, 1, 1, 1).map((curve) => ({ ...curve, hqShare: 0 }));
  expect(verdictOf(allLq)).toEqual({
    decision: 'may stop',
    reason:
      'the last 3 ensembles decide alike (mean kappa 1.000), but they call all 100000 stop pages LQ: pages of one class cannot tell agreement from chance; kappa with the ensemble before is 1.000: its F-measure, of precision and recall together, can have changed by at most 0.0 %',
  });
  const allHq = allLq.map((curve) => ({ ...curve, hqShare: 1 }));
  expect(verdictOf(allHq).reason).toContain('all 100000 stop pages HQ');
});

it('does not take few pages that do not change for ensembles that do not', () => {
  const few = verdictOf(curvesOn(40, undefined, 1, 1, 1));
  expect(few.decision).toBe('may stop');
  // None of 120 changed: 2.5 % may have, which is a kappa of 0.951.
  expect(few.reason).toContain('40 stop pages are too few to tell kappa from 0.951');
  expect(verdictOf(curvesOn(135, undefined, 1, 1, 1)).decision).toBe('stop');
  expect(verdictOf(curvesOn(135, undefined, 1, 0.97, 1)).decision).toBe('may stop');
});
