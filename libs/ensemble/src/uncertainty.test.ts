import { describe, expect, it } from 'vitest';
import { disagreementOf, entropyOf, mutualInformationOf, uncertaintyOf } from './uncertainty.ts';

describe('entropy', () => {
  it('is ln 2 nats for a fair coin and 0 for a sure one', () => {
    expect(entropyOf(0.5)).toBeCloseTo(Math.LN2, 12);
    expect(entropyOf(0)).toBe(0);
    expect(entropyOf(1)).toBe(0);
  });

  it('is 0.562335 nats at a quarter: 0.25 * 1.386294 + 0.75 * 0.287682', () => {
    expect(entropyOf(0.25)).toBeCloseTo(0.562335, 6);
    expect(entropyOf(0.75)).toBeCloseTo(0.562335, 6);
  });
});

describe('disagreement', () => {
  it('counts the members that decide otherwise than the mean', () => {
    // The mean is 0.54, so HQ; two of five say LQ.
    expect(disagreementOf([0.9, 0.9, 0.6, 0.2, 0.1])).toBeCloseTo(0.4, 12);
  });

  it('may be a majority: the mean of one sure and three mildly opposed members is on the side of the one', () => {
    // (0.99 + 3 * 0.45) / 4 = 0.585
    expect(disagreementOf([0.99, 0.45, 0.45, 0.45])).toBe(0.75);
  });

  it('takes exactly one half for HQ', () => {
    expect(disagreementOf([0.5, 0.5])).toBe(0);
  });
});

describe('mutual information', () => {
  it('is the whole entropy when sure members contradict each other, and 0 when all are equally unsure', () => {
    expect(mutualInformationOf([0, 1])).toBeCloseTo(Math.LN2, 12);
    expect(mutualInformationOf([0.5, 0.5, 0.5])).toBe(0);
  });

  it('is 0.130812 for 0.25 and 0.75: ln 2 - 0.562335', () => {
    expect(mutualInformationOf([0.25, 0.75])).toBeCloseTo(0.130812, 6);
  });
});

it('gives all measures of a page at once', () => {
  const page = uncertaintyOf(Float32Array.of(0.25, 0.75));
  expect(page.mean).toBe(0.5);
  expect(page.entropy).toBeCloseTo(Math.LN2, 6);
  expect(page.disagreement).toBe(0.5);
  expect(page.mutualInformation).toBeCloseTo(0.130812, 6);
});
