import { randomFrom } from '@florilegium/random';
import { chooseTemperature, memberProbabilitiesAt, sigmoid } from './calibrate.ts';
import { fitLogistic, type LogisticFit, type LogisticProblem } from './fit-logistic.ts';
import { bootstrapOfItems, type Folds, splitIntoFolds } from './folds.ts';
import { l2Grid, type ProbeParameters } from './probe-parameters.ts';
import { logLossOf, type Scores, scoresOf } from './scores.ts';
import {
  foldIn,
  foldOut,
  type LinearHead,
  type Standardisation,
  standardisationOf,
  standardisedRows,
} from './standardisation.ts';
import { checkTrainingSet, itemDiscountsOf, type TrainingSet } from './training-set.ts';
import { meanOf } from './uncertainty.ts';

/** Largest component of the gradient at which a fit ends: decisions and AUC on other books do not change below it. */
const gradientMax = 1e-4;

/** Streams of random numbers that must not run into each other. */
const stream = { folds: 1, bootstrap: 2 } as const;

export interface L2Choice {
  l2: number;
  /** Out-of-fold log loss in nats for each strength tried; empty when L2 was given. */
  tried: { l2: number; logLoss: number }[];
}

/**
 * The strength of L2 with the least out-of-fold log loss, folds grouped by item; on a tie the stronger one. All strengths and folds
 * are fitted together. Needs `selectBackend` before. Throws as `checkTrainingSet` and `fitLogistic` do.
 */
export function chooseL2(set: TrainingSet, parameters: ProbeParameters): L2Choice {
  if (parameters.l2 !== undefined) return { l2: parameters.l2, tried: [] };
  const { rows, isHq, folds } = prepare(set, parameters);
  const problems: LogisticProblem[] = [];
  for (const l2 of l2Grid) {
    for (let fold = 0; fold < folds.count; fold++) {
      const counts = Float64Array.from(set.labels, (_, page) => (folds.foldOfPage[page] === fold ? 0 : 1));
      problems.push({ pageWeights: pageWeightsOf(set, counts, parameters), l2 });
    }
  }
  const fits = fitLogistic(rows, set.dims, isHq, problems, { epochsMax: parameters.epochsMax, gradientMax });
  const judged = labelledPages(set);
  const labels = judged.map((page) => isHq[page]!);
  const tried = l2Grid.map((l2, at) => {
    const probabilities = judged.map((page) =>
      sigmoid(fits[at * folds.count + folds.foldOfPage[page]!]!.logits[page]!),
    );
    return { l2, logLoss: logLossOf(probabilities, labels) };
  });
  const best = tried.reduce((least, next) => (next.logLoss <= least.logLoss ? next : least));
  return { l2: best.l2, tried };
}

export interface TrainedMember {
  /** On raw embeddings: the standardisation is folded in. Single precision, as it will be stored. */
  weights: Float32Array;
  bias: number;
  l2: number;
  loss: number;
  epochs: number;
  converged: boolean;
  warmStarted: boolean;
  /** Logit of each page by this member trained anew without the page's fold. */
  outOfFoldLogits: Float64Array;
}

export interface MemberOptions {
  /** 0 to memberCount - 1; picks the member's random numbers. */
  member: number;
  l2: number;
  /** Member of the same number of the parent ensemble, on raw embeddings of the same backbone. */
  parent?: LinearHead | undefined;
  onEpoch?: (epoch: number, loss: number) => void;
  /** `left-out`: no fits of folds, and NaN for every out-of-fold logit. `fitted` when absent. */
  folds?: 'fitted' | 'left-out';
}

/**
 * One member: a bootstrap of items of its own, and beside it one fit per fold, each with its own bootstrap of the items outside the
 * fold and a cold start, so that every labelled page gets a score by a model that never saw its item. The same set, parameters and options give the
 * same weights on one backend. Needs `selectBackend` before. Throws as `checkTrainingSet` and `fitLogistic` do.
 */
export function trainMember(set: TrainingSet, parameters: ProbeParameters, options: MemberOptions): TrainedMember {
  const { rows, isHq, folds, standardisation } = prepare(set, parameters);
  const start = options.parent && foldOut(options.parent, standardisation);
  const problemWithout = (fold: number | undefined): LogisticProblem => {
    const random = randomFrom(parameters.seed, stream.bootstrap, options.member, fold === undefined ? 0 : fold + 1);
    const pages = labelledPages(set).filter((page) => folds.foldOfPage[page] !== fold);
    return {
      pageWeights: pageWeightsOf(set, bootstrapOfItems(set, pages, random), parameters),
      l2: options.l2,
      // The parent has seen the pages of the fold: a fit that started from it would judge what it knows.
      start: fold === undefined ? start : undefined,
    };
  };
  const foldCount = options.folds === 'left-out' ? 0 : folds.count;
  const problems = [problemWithout(undefined), ...Array.from({ length: foldCount }, (_, fold) => problemWithout(fold))];
  const fitOptions = {
    epochsMax: parameters.epochsMax,
    gradientMax,
    ...(options.onEpoch && { onEpoch: options.onEpoch }),
  };
  const [member, ...byFold] = fitLogistic(rows, set.dims, isHq, problems, fitOptions) as [
    LogisticFit,
    ...LogisticFit[],
  ];
  const { weights, bias } = foldIn(member, standardisation);
  return {
    weights: Float32Array.from(weights),
    bias,
    l2: options.l2,
    loss: member.loss,
    epochs: member.epochs,
    converged: member.converged,
    warmStarted: start !== undefined,
    outOfFoldLogits: Float64Array.from(
      set.labels,
      (_, page) => byFold[folds.foldOfPage[page]!]?.logits[page] ?? Number.NaN,
    ),
  };
}

export interface Calibration {
  temperature: number;
  /** Row-major [pages, members], calibrated, by models that never saw the page's item. */
  outOfFoldProbabilities: Float32Array;
  /** Of the mean P(HQ) over HQ and LQ pages, after calibration. */
  scores: Scores;
  foldsBy: 'item' | 'page';
  foldCount: number;
}

/** Puts the members' out-of-fold logits together: temperature, calibrated scores of each labelled page, how good they are. */
export function calibrateEnsemble(
  set: TrainingSet,
  parameters: ProbeParameters,
  members: readonly Pick<TrainedMember, 'outOfFoldLogits'>[],
): Calibration {
  const folds = foldsOf(set, parameters);
  const judged = labelledPages(set);
  const labels = judged.map((page) => (set.labels[page] === 'HQ' ? 1 : 0));
  const logitsOfPages = (pages: readonly number[]) =>
    Float64Array.from(pages.flatMap((page) => members.map((member) => member.outOfFoldLogits[page]!)));
  const temperature = chooseTemperature(logitsOfPages(judged), members.length, labels);
  const probabilities = memberProbabilitiesAt(logitsOfPages([...set.labels.keys()]), temperature);
  const meanOfPage = (page: number) =>
    meanOf(probabilities.subarray(page * members.length, (page + 1) * members.length));
  return {
    temperature,
    outOfFoldProbabilities: probabilities,
    scores: scoresOf(judged.map(meanOfPage), labels),
    foldsBy: folds.by,
    foldCount: folds.count,
  };
}

interface Prepared {
  rows: Float32Array;
  /** 1 for HQ, 0 for LQ; NOT_SURE pages hold 0 and always weigh 0. */
  isHq: Uint8Array;
  folds: Folds;
  standardisation: Standardisation;
}

type Standardised = Omit<Prepared, 'folds'>;

/** All members of an ensemble see the same rows: checked and standardised once a set, which must not change after its first use. */
const standardised = new WeakMap<TrainingSet, Standardised>();

function prepare(set: TrainingSet, parameters: ProbeParameters): Prepared {
  let known = standardised.get(set);
  if (!known) {
    checkTrainingSet(set);
    const standardisation = standardisationOf(set);
    known = {
      rows: standardisedRows(set, standardisation),
      isHq: Uint8Array.from(set.labels, (label) => (label === 'HQ' ? 1 : 0)),
      standardisation,
    };
    standardised.set(set, known);
  }
  return { ...known, folds: foldsOf(set, parameters) };
}

function foldsOf(set: TrainingSet, parameters: ProbeParameters): Folds {
  return splitIntoFolds(set, parameters.foldCountMax, randomFrom(parameters.seed, stream.folds));
}

function labelledPages(set: TrainingSet): number[] {
  return [...set.labels.keys()].filter((page) => set.labels[page] !== 'NOT_SURE');
}

/** Counts (0 leaves out) times item discounts times class weights; with `balanced` each class sums to one half of all. */
function pageWeightsOf(
  set: TrainingSet,
  counts: Float64Array,
  { classWeights, itemDiscount }: ProbeParameters,
): Float64Array {
  const discounts = itemDiscountsOf(set, itemDiscount);
  const weights = Float64Array.from(set.labels, (label, page) =>
    label === 'NOT_SURE' ? 0 : counts[page]! * discounts[page]!,
  );
  if (classWeights === 'none') return weights;
  const sums = { HQ: 0, LQ: 0, NOT_SURE: 0 };
  weights.forEach((weight, page) => {
    sums[set.labels[page]!] += weight;
  });
  return weights.map((weight, page) =>
    weight === 0 ? 0 : (weight * (sums.HQ + sums.LQ)) / 2 / sums[set.labels[page]!],
  );
}
