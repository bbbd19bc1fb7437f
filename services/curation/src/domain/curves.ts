import { changeOfMind, fChangeBound, kappaWithInterval, type TwoOpinions } from './agreement.ts';
import { decides } from './triage.ts';
import type { IterationCurve } from './verdict.ts';

/** A page of a fixed set as an ensemble predicts it. */
export interface PagePrediction {
  pageId: number;
  itemId: number;
  members: readonly number[];
  mean: number;
  /** Of the mean, in nats. */
  entropy: number;
  /** Share of members that dissent. */
  disagreement: number;
}

/** What one page set says of an iteration; undefined figures are null, as they are stored and shown. */
export interface SetCurve {
  pageCount: number;
  meanEntropy: number | null;
  meanDisagreement: number | null;
  /** Share of pages that the ensemble calls HQ. */
  hqShare: number | null;
  changeOfMind: number | null;
  changeOfMindByMember: number[] | null;
}

export interface Curves {
  /** These three over the set `unlabelled`. */
  meanEntropy: number | null;
  meanDisagreement: number | null;
  changeOfMind: number | null;
  /** Cohen's kappa with the ensemble before, over the set `stop`, and its 95 % interval. */
  kappa: number | null;
  kappaLow: number | null;
  kappaHigh: number | null;
  fChangeBound: number | null;
  bySet: { unlabelled: SetCurve; stop: SetCurve };
}

/** A set's predictions by this ensemble and by the one before it (empty for the first). */
export interface SetPredictions {
  now: readonly PagePrediction[];
  before: readonly Pick<PagePrediction, 'pageId' | 'mean' | 'members'>[];
}

/** The curves of one iteration over the sets that never change. Both sets are bounded by how they are drawn: 10,000 and 1,000 pages. */
export function curvesOf({ unlabelled, stop }: { unlabelled: SetPredictions; stop: SetPredictions }): Curves {
  const bySet = { unlabelled: curveOf(unlabelled), stop: curveOf(stop) };
  const kappa = kappaWithInterval(paired(stop));
  return {
    meanEntropy: bySet.unlabelled.meanEntropy,
    meanDisagreement: bySet.unlabelled.meanDisagreement,
    changeOfMind: bySet.unlabelled.changeOfMind,
    kappa: kappa?.estimate ?? null,
    kappaLow: kappa?.low ?? null,
    kappaHigh: kappa?.high ?? null,
    fChangeBound: kappa ? fChangeBound(kappa.estimate) : null,
    bySet,
  };
}

function curveOf(set: SetPredictions): SetCurve {
  const { now } = set;
  const mean = (value: (page: PagePrediction) => number) =>
    now.length === 0 ? null : now.reduce((sum, page) => sum + value(page), 0) / now.length;
  const changed = changeOfMind(paired(set));
  return {
    pageCount: now.length,
    meanEntropy: mean((page) => page.entropy),
    meanDisagreement: mean((page) => page.disagreement),
    hqShare: mean((page) => (decides(page.mean) === 'HQ' ? 1 : 0)),
    changeOfMind: changed?.ensemble ?? null,
    changeOfMindByMember: changed?.members ?? null,
  };
}

function paired({ now, before }: SetPredictions): TwoOpinions[] {
  const earlier = new Map(before.map((page) => [page.pageId, page]));
  return now.flatMap((page) => {
    const was = earlier.get(page.pageId);
    return was ? [{ itemId: page.itemId, before: was, now: page }] : [];
  });
}

/** What the verdict looks at. */
export const verdictCurveOf = (number: number, { kappa, fChangeBound, bySet: { stop } }: Curves): IterationCurve => ({
  number,
  kappa: kappa ?? undefined,
  fChangeBound: fChangeBound ?? undefined,
  changeOfMind: stop.changeOfMind ?? undefined,
  pageCount: stop.pageCount,
  hqShare: stop.hqShare ?? 0,
});
