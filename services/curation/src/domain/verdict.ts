import { kappaAtChange } from './agreement.ts';
import { midPInterval } from './mid-p-interval.ts';

/** What the stop set says after one iteration; `kappa` is undefined for the first, which has nothing to be compared with. */
export interface IterationCurve {
  number: number;
  kappa: number | undefined;
  fChangeBound: number | undefined;
  /** Share of stop pages whose decision changed. */
  changeOfMind: number | undefined;
  /** Stop pages that were compared, and the share of them that the ensemble calls HQ. */
  pageCount: number;
  hqShare: number;
}

export interface Verdict {
  decision: 'continue' | 'may stop' | 'stop';
  reason: string;
}

export interface StopRule {
  /** Successive comparisons that count: one that agrees by luck is not enough. */
  window: number;
  /** Mean kappa over the window from which to stop; 0.99 lets the F-measure change by at most 0.04. */
  stopKappa: number;
  /** Newest kappa from which one may stop; 0.97 lets the F-measure change by at most 0.12. To stop, the lower end over the window must reach it too. */
  mayStopKappa: number;
}

/**
 * Window and intensity of stabilising predictions: Bloodgood and Vijay-Shanker, 2009. Their stop sets have 2,000 pages; on a small one three
 * kappas of 1 come soon, so the lower end of the window's kappa, of all its comparisons together, counts beside its mean.
 */
export const defaultStopRule: StopRule = { window: 3, stopKappa: 0.99, mayStopKappa: 0.97 };

/** Whether more labels are still worth their time. Curves come in the order of their iterations. */
export function verdictOf(curves: readonly IterationCurve[], rule: StopRule = defaultStopRule): Verdict {
  const compared = curves.filter((curve) => curve.kappa !== undefined);
  const newest = compared.at(-1);
  if (!newest || newest !== curves.at(-1))
    return { decision: 'continue', reason: 'there is no earlier ensemble to compare with' };
  const kappa = newest.kappa!;
  const bound = percent(newest.fChangeBound ?? 1);
  const told = `kappa with the ensemble before is ${kappa.toFixed(3)}: its F-measure, of precision and recall together, can have changed by at most ${bound}`;
  const window = compared.slice(-rule.window);
  const mean = window.reduce((sum, curve) => sum + curve.kappa!, 0) / window.length;
  const isSteady = window.length === rule.window && mean >= rule.stopKappa && kappa >= rule.mayStopKappa;
  const low = lowerEndOf(window);
  const isOneClass = window.every(({ hqShare }) => hqShare === 0) || window.every(({ hqShare }) => hqShare === 1);
  if (isSteady && low >= rule.mayStopKappa)
    return {
      decision: 'stop',
      reason: `the last ${rule.window} ensembles decide alike (mean kappa ${mean.toFixed(3)}); ${told}`,
    };
  if (kappa >= rule.mayStopKappa)
    return {
      decision: 'may stop',
      reason: isSteady
        ? `the last ${rule.window} ensembles decide alike (mean kappa ${mean.toFixed(3)}), but ${
            isOneClass
              ? `they call all ${newest.pageCount} stop pages ${newest.hqShare === 0 ? 'LQ' : 'HQ'}: pages of one class cannot tell agreement from chance`
              : `${newest.pageCount} stop pages are too few to tell kappa from ${low.toFixed(3)}`
          }; ${told}`
        : window.length < rule.window
          ? `${told}, but only ${window.length} of ${rule.window} comparisons are there`
          : `${told}, but over the last ${rule.window} ensembles the mean kappa is ${mean.toFixed(3)}, under ${rule.stopKappa}`,
    };
  return {
    decision: 'continue',
    reason: `${told}; ${percent(newest.changeOfMind ?? 0)} of the stop pages changed their decision`,
  };
}

/** The 95 % lower end of kappa over all comparisons of a window together: what the pages that changed, of all that were compared, leave open. */
function lowerEndOf(window: readonly IterationCurve[]): number {
  const pages = window.reduce((sum, { pageCount }) => sum + pageCount, 0);
  if (pages === 0) return 0;
  const changed = window.reduce(
    (sum, { pageCount, changeOfMind }) => sum + Math.round(pageCount * (changeOfMind ?? 1)),
    0,
  );
  const hqShare = window.reduce((sum, curve) => sum + curve.pageCount * curve.hqShare, 0) / pages;
  return kappaAtChange(midPInterval(changed, pages, Number.POSITIVE_INFINITY).high, hqShare);
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
