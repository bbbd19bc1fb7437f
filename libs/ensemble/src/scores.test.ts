import { expect, it } from 'vitest';
import { aucOf, scoresOf } from './scores.ts';

it('counts pairs in the right order, ties as one half', () => {
  // HQ at 0.9 and 0.4, LQ at 0.4 and 0.1: pairs won 1, 1, 0.5, 1 of 4.
  expect(aucOf([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0])).toBe(0.875);
  expect(aucOf([0.1, 0.9], [1, 0])).toBe(0);
  expect(aucOf([0.1, 0.9], [1, 1])).toBe(0.5);
});

it('scores a small set as worked by hand', () => {
  const scores = scoresOf([0.8, 0.3, 0.6], [1, 0, 0]);
  expect(scores.accuracy).toBeCloseTo(2 / 3, 12);
  // -(ln 0.8 + ln 0.7 + ln 0.4) / 3
  expect(scores.logLoss).toBeCloseTo(0.498703, 6);
  // Each page alone in its bin: (0.2 + 0.3 + 0.6) / 3
  expect(scores.calibrationError).toBeCloseTo(0.366667, 6);
});

it('stays finite for a sure and wrong score', () => {
  expect(scoresOf([1], [0]).logLoss).toBeCloseTo(-Math.log(1e-6), 6);
});
