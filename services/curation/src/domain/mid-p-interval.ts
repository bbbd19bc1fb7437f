import type { Interval } from './agreement.ts';

/**
 * 95 % interval of a share of which `successes` of `count` drawn pages were seen: the binomial mid-P interval (Lancaster, 1961), narrowed by the
 * correction of a finite population of `pageCount`, which may be infinite. It covers 94 % or more also where the share is small and so is the sample.
 */
export function midPInterval(successes: number, count: number, pageCount: number): Interval {
  const estimate = successes / count;
  if (count >= pageCount) return { estimate, low: estimate, high: estimate };
  const low = successes === 0 ? 0 : lowerEnd(successes, count);
  const high = successes === count ? 1 : 1 - lowerEnd(count - successes, count);
  const narrowed =
    pageCount === Number.POSITIVE_INFINITY ? 1 : Math.sqrt((pageCount - count) / Math.max(1, pageCount - 1));
  return {
    estimate,
    low: Math.max(successes / pageCount, estimate - (estimate - low) * narrowed),
    high: Math.min(1 - (count - successes) / pageCount, estimate + (high - estimate) * narrowed),
  };
}

/** The share at which seeing more than `successes`, or with half its weight as many, has the probability 0.025; by bisection. */
function lowerEnd(successes: number, count: number): number {
  let low = 0;
  let high = successes / count;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (midTail(successes, count, middle) > 0.025) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** P(X > successes) + P(X = successes) / 2 for X of Binomial(count, share), `share` inside (0, 1). */
function midTail(successes: number, count: number, share: number): number {
  let logMass = count * Math.log1p(-share);
  const logOdds = Math.log(share) - Math.log1p(-share);
  let below = 0;
  for (let k = 0; k < successes; k++) {
    below += Math.exp(logMass);
    logMass += Math.log((count - k) / (k + 1)) + logOdds;
  }
  return 1 - below - Math.exp(logMass) / 2;
}
