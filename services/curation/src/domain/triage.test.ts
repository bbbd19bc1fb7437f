import { describe, expect, it } from 'vitest';
import { entropyQuantile, opinionOf, reasonOf, triageLabelled, triageUnlabelled } from './triage.ts';

describe('an opinion', () => {
  it('is the mean, its entropy in nats, and who dissents', () => {
    const opinion = opinionOf([0.9, 0.8, 0.4, 0.7, 0.7]);
    expect(opinion.mean).toBeCloseTo(0.7, 12);
    // -0.7 ln 0.7 - 0.3 ln 0.3 = 0.249672 + 0.361192
    expect(opinion.entropy).toBeCloseTo(0.610864, 6);
    expect(opinion.dissenting).toBe(1);
  });

  it('has no entropy when certain, ln 2 when torn, and takes 0.5 as HQ', () => {
    expect(opinionOf([0, 0]).entropy).toBe(0);
    expect(opinionOf([1, 1]).entropy).toBe(0);
    expect(opinionOf([0, 1]).entropy).toBeCloseTo(Math.LN2, 12);
    expect(opinionOf([0.5, 0.5]).dissenting).toBe(0);
    expect(opinionOf([0.5, 0.4]).dissenting).toBe(1);
  });
});

it('takes the quantile of entropies by nearest rank', () => {
  const entropies = [0.5, 0.1, 0.4, 0.2, 0.3];
  expect(entropyQuantile(entropies, 0.8)).toBe(0.4);
  expect(entropyQuantile(entropies, 1)).toBe(0.5);
  expect(entropyQuantile(entropies, 0)).toBe(0.1);
  expect(entropyQuantile([], 0.8)).toBe(0);
});

describe('unlabelled pages', () => {
  const classOf = (...members: number[]) => triageUnlabelled(opinionOf(members), 0.5);
  it('are A, B, C or D by dissent and entropy', () => {
    expect(classOf(0.95, 0.97, 0.9)).toBe('A');
    expect(classOf(0.6, 0.55, 0.7)).toBe('B');
    // mean 0.8267: entropy 0.461 under 0.5, one member under 0.5
    expect(classOf(1, 1, 0.48)).toBe('C');
    expect(classOf(0.7, 0.7, 0.3)).toBe('D');
  });

  it('are low at the threshold itself', () => {
    const opinion = opinionOf([0.9, 0.9]);
    expect(triageUnlabelled(opinion, opinion.entropy)).toBe('A');
  });
});

describe('labelled pages', () => {
  const classOf = (label: 'HQ' | 'LQ' | 'NOT_SURE', ...members: number[]) =>
    triageLabelled(label, opinionOf(members), 0.5);
  it('are MISPREDICTION when one member contradicts, sure or not', () => {
    expect(classOf('HQ', 0.9, 0.4)).toBe('MISPREDICTION');
    expect(classOf('LQ', 0.02, 0.01, 0.51)).toBe('MISPREDICTION');
    expect(classOf('HQ', 0.1)).toBe('MISPREDICTION');
  });

  it('are UNCERTAIN when all are right and entropy is high', () => {
    expect(classOf('HQ', 0.6, 0.7)).toBe('UNCERTAIN');
    expect(classOf('HQ', 0.99, 0.9)).toBeUndefined();
  });

  it('are NOTSURE only where the ensemble is sure', () => {
    expect(classOf('NOT_SURE', 0.99, 0.9)).toBe('NOTSURE');
    expect(classOf('NOT_SURE', 0.6, 0.5)).toBeUndefined();
  });
});

it('says why a page is asked', () => {
  expect(reasonOf('D', opinionOf([0.7, 0.7, 0.3]))).toBe(
    '1 of 3 members dissents and the ensemble is not sure (P(HQ) 0.57)',
  );
  expect(reasonOf('MISPREDICTION', opinionOf([0.2, 0.1]), 'HQ')).toContain('labelled HQ, but 2 of 2 members');
});
