import {
  calibrateEnsemble,
  checkTrainingSet,
  chooseL2,
  type Ensemble,
  predict,
  readProbeParameters,
  type TrainingSet,
  trainMember,
} from '@florilegium/ensemble';
import { AppError } from '@florilegium/errors';
import type { TruthLabel } from '@florilegium/simulated';
import { type PoolPage, type ScoredPage, type Strategy, strategies } from './strategies.ts';

/** A library as a thread holds it; the rows are shared. */
export interface EmbeddedPages {
  dims: number;
  rows: Float32Array;
  pageIds: readonly number[];
  itemIds: readonly number[];
  labels: readonly TruthLabel[];
}

export interface CurveTask {
  seed: number;
  /** Rows that may be labelled. */
  poolRows: readonly number[];
  /** Rows that are scored, of `test`. */
  testRows: readonly number[];
  strategies: readonly string[];
  /** Ascending. */
  budgets: readonly number[];
}

export interface CurvePoint {
  strategy: string;
  budget: number;
  /** Labels that were asked for: fewer than the budget when the pool ended. */
  asked: number;
  /** Mean P(HQ) of each test row, in their order. */
  probabilities: Float32Array;
  /** Of choosing L2, training five members and calibrating. */
  seconds: number;
  /** False when the labels had fewer than two pages of HQ or LQ: every page is then given the share of HQ among the labels. */
  trained: boolean;
}

interface Trained {
  ensemble: Ensemble;
  seconds: number;
}

/** Labels at which an ensemble is trained: the budgets, and steps between them, since a queue is worked through for some time only. */
export function roundsFor(budgets: readonly number[]): number[] {
  const growthMax = 1.5;
  const rounds: number[] = [];
  let before = Math.min(budgets[0]!, 50);
  for (const budget of [before, ...budgets]) {
    const steps = Math.max(1, Math.ceil(Math.log(budget / before) / Math.log(growthMax) - 1e-9));
    for (let step = 1; step <= steps; step++) rounds.push(Math.round(before * (budget / before) ** (step / steps)));
    before = budget;
  }
  return [...new Set(rounds)];
}

/**
 * The learning curves of some strategies on one split, by the code that trainer runs: members with a bootstrap of items each, L2 by
 * cross-validation, temperature, warm start from the round before. Needs `selectBackend` before.
 */
export function* learningCurves(pool: EmbeddedPages, test: EmbeddedPages, task: CurveTask): Generator<CurvePoint> {
  const firstRounds = new Map<string, Trained | undefined>();
  for (const name of task.strategies) yield* curveOf(name, strategies[name]!, pool, test, task, firstRounds);
}

function* curveOf(
  name: string,
  strategy: Strategy,
  pool: EmbeddedPages,
  test: EmbeddedPages,
  { seed, poolRows, testRows, budgets }: CurveTask,
  firstRounds: Map<string, Trained | undefined>,
): Generator<CurvePoint> {
  const labelled: number[] = [];
  let trained: Trained | undefined;
  const waiting = new Map<number, PoolPage>(
    poolRows.map((row) => [row, { row, pageId: pool.pageIds[row]!, itemId: pool.itemIds[row]! }]),
  );
  for (const round of roundsFor(budgets)) {
    const wanted = round - labelled.length;
    const pages = [...waiting.values()];
    const order = trained
      ? strategy.next(scored(pool, pages, trained.ensemble), wanted, seed * 1000 + round)
      : strategy.first(pages, seed);
    for (const { row } of order.slice(0, wanted)) {
      labelled.push(row);
      waiting.delete(row);
    }
    const isFirst = trained === undefined;
    const key = [...labelled].sort((a, b) => a - b).join();
    if (isFirst && firstRounds.has(key)) trained = firstRounds.get(key);
    else trained = train(pool, labelled, seed, trained?.ensemble) ?? trained;
    if (isFirst) firstRounds.set(key, trained);
    if (!budgets.includes(round)) continue;
    const { asked, probabilities, seconds } = {
      asked: labelled.length,
      seconds: trained?.seconds ?? 0,
      probabilities: trained
        ? meansOf(predictRows(test, testRows, trained.ensemble), trained.ensemble.members.length)
        : guess(pool, labelled, testRows.length),
    };
    yield { strategy: name, budget: round, asked, probabilities, seconds, trained: trained !== undefined };
  }
}

function train(
  pool: EmbeddedPages,
  labelled: readonly number[],
  seed: number,
  parent: Ensemble | undefined,
): Trained | undefined {
  const { dims } = pool;
  // Trainer reads its pages in ascending PageID.
  const rows = [...labelled].sort((a, b) => a - b);
  const set: TrainingSet = {
    dims,
    rows: rowsOf(pool, rows),
    labels: rows.map((row) => pool.labels[row]!),
    itemIds: rows.map((row) => pool.itemIds[row]!),
  };
  try {
    checkTrainingSet(set);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_argument') return undefined;
    throw error;
  }
  const startedAt = performance.now();
  const parameters = readProbeParameters({ seed });
  const { l2 } = chooseL2(set, parameters);
  const members = Array.from({ length: parameters.memberCount }, (_, member) =>
    trainMember(set, parameters, { member, l2, parent: parent?.members[member] }),
  );
  const { temperature } = calibrateEnsemble(set, parameters, members);
  const ensemble: Ensemble = {
    dims,
    temperature,
    members: members.map(({ weights, bias }) => ({ weights: Float64Array.from(weights), bias })),
  };
  return { ensemble, seconds: (performance.now() - startedAt) / 1000 };
}

function scored(pool: EmbeddedPages, pages: readonly PoolPage[], ensemble: Ensemble): ScoredPage[] {
  const probabilities = predictRows(
    pool,
    pages.map(({ row }) => row),
    ensemble,
  );
  const count = ensemble.members.length;
  return pages.map((page, at) => ({ ...page, members: probabilities.subarray(at * count, (at + 1) * count) }));
}

const predictRows = (library: EmbeddedPages, rows: readonly number[], ensemble: Ensemble) =>
  predict(ensemble, rowsOf(library, rows));

function rowsOf({ rows: all, dims }: EmbeddedPages, rows: readonly number[]): Float32Array {
  const picked = new Float32Array(rows.length * dims);
  rows.forEach((row, place) => {
    picked.set(all.subarray(row * dims, (row + 1) * dims), place * dims);
  });
  return picked;
}

function meansOf(probabilities: Float32Array, memberCount: number): Float32Array {
  return Float32Array.from({ length: probabilities.length / memberCount }, (_, page) => {
    let sum = 0;
    for (let member = 0; member < memberCount; member++) sum += probabilities[page * memberCount + member]!;
    return sum / memberCount;
  });
}

function guess(pool: EmbeddedPages, labelled: readonly number[], count: number): Float32Array {
  const judged = labelled.filter((row) => pool.labels[row] !== 'NOT_SURE');
  const hq = judged.filter((row) => pool.labels[row] === 'HQ').length;
  return new Float32Array(count).fill((hq + 1) / (judged.length + 2));
}
