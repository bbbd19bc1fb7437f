export interface BudgetPlan {
  /** Pages of the train set that are labelled before the first iteration. */
  initial: number;
  /** Labels given in the review that follows each iteration but the last. */
  perReview: number;
  /** Second looks, after each of these reviews, at labels that the ensemble contradicts. */
  perMending: number;
  /** Pages labelled blind to measure the published list. */
  audit: number;
}

export interface BudgetFacts {
  budget: number;
  iterations: number;
  trainPages: number;
  unlabelledPages: number;
}

/**
 * How the curator's labels are spent: at most half before the first iteration (as the train set is drawn), a fifth (at most 200) on the audit,
 * the rest evenly on the reviews between iterations, where a label is worth most; a tenth of that on second looks. The reviews leave half of the unlabelled set alone: the audit
 * can only ask for pages that nobody labelled.
 */
export function planBudget({ budget, iterations, trainPages, unlabelledPages }: BudgetFacts): BudgetPlan {
  const audit = Math.min(200, Math.floor(budget / 5));
  const initial = Math.min(trainPages, Math.floor(budget / 2));
  const reviews = iterations - 1;
  const perRound = reviews > 0 ? Math.floor(Math.min(budget - audit - initial, unlabelledPages / 2) / reviews) : 0;
  const perMending = Math.floor(perRound / 10);
  return { initial, perReview: perRound - perMending, perMending, audit };
}
