// The loop of label, train, predict, review without its services: their own code for draws of first pages, heads, triage order, curves and verdict, truth
// in place of the curator.
import {
  calibrateEnsemble,
  chooseL2,
  disagreementOf,
  type Ensemble,
  entropyOf,
  meanOf,
  predict,
  readProbeParameters,
  trainMember,
} from '@florilegium/ensemble';
import { drawKey } from '@florilegium/random';
import { heldoutScores, type TruthLabel } from '@florilegium/simulated';
import {
  type Curves,
  curvesOf,
  type PagePrediction,
  verdictCurveOf,
} from '../../services/curation/src/domain/curves.ts';
import {
  defaultQueueRule,
  orderForReview,
  orderInitialPages,
} from '../../services/curation/src/domain/review-queue.ts';
import { entropyQuantile, opinionOf, triageUnlabelled } from '../../services/curation/src/domain/triage.ts';
import { defaultStopRule, type StopRule, type Verdict, verdictOf } from '../../services/curation/src/domain/verdict.ts';

/** Pages of a library as their embeddings. */
export interface EmbeddedPages {
  dims: number;
  rows: Float32Array;
  pageIds: readonly number[];
  itemIds: readonly number[];
  labels: readonly TruthLabel[];
}

export interface LoopOptions {
  seed: number;
  iterations: number;
  /** Labels before the first iteration, and after each. */
  initialCount: number;
  reviewCount: number;
}

export interface LoopIteration {
  number: number;
  labelCount: number;
  curves: Curves;
  /** Over the heldout items, at a threshold of 0.5. */
  accuracy: number;
  auc: number;
}

/** The sets of DESIGN: whole items held out, then stop, train and the rest, by seeded lot. */
function drawSets({ pageIds, itemIds }: EmbeddedPages, seed: number, initialCount: number) {
  const byLot = (ids: readonly number[], purpose: string) =>
    [...ids].sort((a, b) => drawKey(`${purpose} ${seed}`, a) - drawKey(`${purpose} ${seed}`, b));
  const rowsOfItem = Map.groupBy(pageIds.keys(), (row) => itemIds[row]!);
  const heldout = new Set<number>();
  for (const itemId of byLot([...rowsOfItem.keys()], 'heldout')) {
    const rows = rowsOfItem.get(itemId)!;
    if (heldout.size + rows.length <= 0.2 * pageIds.length) for (const row of rows) heldout.add(row);
  }
  const rest = byLot(
    [...pageIds.keys()].filter((row) => !heldout.has(row)),
    'sets',
  );
  const stopCount = Math.floor(0.1 * pageIds.length);
  const trainCount = Math.min(initialCount, Math.floor(0.3 * pageIds.length));
  return {
    heldout: [...heldout],
    stop: rest.slice(0, stopCount),
    train: rest.slice(stopCount, stopCount + trainCount),
    unlabelled: rest.slice(stopCount + trainCount),
  };
}

/** Runs the iterations; ends early when no page of worth is left to ask. Needs `selectBackend` before. */
export function* runLoop(pages: EmbeddedPages, options: LoopOptions): Generator<LoopIteration> {
  const { seed, initialCount, reviewCount } = options;
  const sets = drawSets(pages, seed, initialCount);
  const rowOf = new Map(pages.pageIds.map((pageId, row) => [pageId, row]));
  const refs = (rows: readonly number[]) =>
    rows.map((row) => ({ pageId: pages.pageIds[row]!, itemId: pages.itemIds[row]! }));
  const truth = new Map(pages.pageIds.map((pageId, row) => [pageId, pages.labels[row]!]));
  const labelled = new Set<number>();
  const label = (some: readonly { pageId: number }[]) => {
    for (const { pageId } of some) labelled.add(rowOf.get(pageId)!);
  };
  label(orderInitialPages(refs(sets.train), `initial ${seed}`).slice(0, initialCount));

  let parent: Ensemble | undefined;
  let before: { unlabelled: PagePrediction[]; stop: PagePrediction[] } = { unlabelled: [], stop: [] };
  for (let number = 1; number <= options.iterations; number++) {
    // As trainer reads a label set: in ascending PageID.
    const rows = [...labelled].sort((a, b) => pages.pageIds[a]! - pages.pageIds[b]!);
    const set = {
      dims: pages.dims,
      rows: rowsOf(pages, rows),
      labels: rows.map((row) => pages.labels[row]!),
      itemIds: rows.map((row) => pages.itemIds[row]!),
    };
    const parameters = readProbeParameters({ seed });
    const { l2 } = chooseL2(set, parameters);
    const members = Array.from({ length: parameters.memberCount }, (_, member) =>
      trainMember(set, parameters, { member, l2, parent: parent?.members[member] }),
    );
    const { temperature } = calibrateEnsemble(set, parameters, members);
    const ensemble: Ensemble = {
      dims: pages.dims,
      temperature,
      members: members.map(({ weights, bias }) => ({ weights: Float64Array.from(weights), bias })),
    };
    const predictAll = (some: readonly number[]): PagePrediction[] => {
      const probabilities = predict(ensemble, rowsOf(pages, some));
      return refs(some).map((page, at) => {
        const own = [...probabilities.subarray(at * ensemble.members.length, (at + 1) * ensemble.members.length)];
        const mean = meanOf(own);
        return { ...page, members: own, mean, entropy: entropyOf(mean), disagreement: disagreementOf(own) };
      });
    };
    const now = { unlabelled: predictAll(sets.unlabelled), stop: predictAll(sets.stop) };
    const { accuracy, auc } = heldoutScores(predictAll(sets.heldout), truth);
    yield {
      number,
      labelCount: labelled.size,
      curves: curvesOf({
        unlabelled: { now: now.unlabelled, before: before.unlabelled },
        stop: { now: now.stop, before: before.stop },
      }),
      accuracy,
      auc,
    };
    before = now;
    parent = ensemble;
    const open = [...now.unlabelled, ...predictAll(sets.train)].filter(
      ({ pageId }) => !labelled.has(rowOf.get(pageId)!),
    );
    const threshold = entropyQuantile(
      open.map(({ entropy }) => entropy),
      0.8,
    );
    const queue = orderForReview(
      open.map(({ pageId, itemId, members: own, mean, entropy }) => ({
        pageId,
        itemId,
        triageClass: triageUnlabelled({ ...opinionOf(own), mean, entropy }, threshold),
        worth: entropy,
      })),
      { ...defaultQueueRule, seed: `review ${seed} ${number}` },
    );
    if (queue.length === 0) return;
    label(queue.slice(0, reviewCount));
  }
}

/** The verdict after each iteration, by any stop rule. */
export function verdictsOf(iterations: readonly LoopIteration[], rule: StopRule = defaultStopRule): Verdict[] {
  const history = iterations.map(({ number, curves }) => verdictCurveOf(number, curves));
  return history.map((_, at) => verdictOf(history.slice(0, at + 1), rule));
}

function rowsOf({ rows: all, dims }: EmbeddedPages, rows: readonly number[]): Float32Array {
  const picked = new Float32Array(rows.length * dims);
  rows.forEach((row, place) => {
    picked.set(all.subarray(row * dims, (row + 1) * dims), place * dims);
  });
  return picked;
}
