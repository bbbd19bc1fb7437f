import { expect, it } from 'vitest';
import { planBudget } from './plan-budget.ts';

it('never plans more labels than the budget has', () => {
  for (const budget of [20, 99, 600, 1001, 5000])
    for (const iterations of [1, 2, 3, 7])
      for (const trainPages of [5, 300, 1000]) {
        const plan = planBudget({ budget, iterations, trainPages, unlabelledPages: 5000 });
        expect(plan.initial + (plan.perReview + plan.perMending) * (iterations - 1) + plan.audit).toBeLessThanOrEqual(
          budget,
        );
        expect(Math.min(plan.initial, plan.audit, plan.perReview, plan.perMending)).toBeGreaterThanOrEqual(0);
      }
});

it('gives what a small train set leaves over to the reviews', () => {
  expect(planBudget({ budget: 600, iterations: 3, trainPages: 300, unlabelledPages: 700 })).toEqual({
    initial: 300,
    perReview: 81,
    perMending: 9,
    audit: 120,
  });
  expect(planBudget({ budget: 600, iterations: 3, trainPages: 100, unlabelledPages: 900 })).toEqual({
    initial: 100,
    perReview: 171,
    perMending: 19,
    audit: 120,
  });
});

it('leaves half of a small unlabelled set to the audit', () => {
  expect(planBudget({ budget: 600, iterations: 3, trainPages: 126, unlabelledPages: 172 })).toEqual({
    initial: 126,
    perReview: 39,
    perMending: 4,
    audit: 120,
  });
});
