import type { EmbeddedLibrary } from './embed-library.ts';
import {
  differenceOf,
  drawItems,
  type Interval,
  intervalOf,
  type Resampled,
  resample,
  studentInterval,
} from './intervals.ts';
import { type JudgedPages, judge, type Measures, measure } from './measures.ts';
import type { SplitPoint } from './run-curves.ts';
import type { Split } from './splits.ts';

/** A row of `--json`. */
export interface Row extends Measures {
  backbone: string;
  strategy: string;
  budget: number;
  seed: number;
  fold: number;
  seconds: number;
}

interface Cell extends Row {
  judged: JudgedPages;
  trained: boolean;
  asked: number;
}

/** All ensembles of one strategy and budget, in the order of seeds and folds. */
interface Group {
  strategy: string;
  budget: number;
  cells: Cell[];
  resampled: Resampled;
}

export interface Curve {
  strategy: string;
  points: { budget: number; accuracy: Interval; auc: Interval }[];
}

export interface BackboneReport {
  backbone: string;
  rows: Row[];
  curves: Curve[];
  colouredShareAuc: number;
  text: string;
}

export interface ReportInput {
  backbone: string;
  /** What was scored, in words. */
  scene: string;
  notes: readonly string[];
  points: readonly SplitPoint[];
  pool: EmbeddedLibrary;
  test: EmbeddedLibrary;
  splits: readonly Split[];
}

/** Table, comparisons and rows of one backbone. */
export function reportOf(input: ReportInput): BackboneReport {
  const { backbone, test, splits } = input;
  const itemPlace = new Map([...new Set(test.itemIds)].map((itemId, place) => [itemId, place]));
  const judgeRows = (scores: ArrayLike<number>, rows: readonly number[]) =>
    judge(
      scores,
      rows.map((row) => test.labels[row]!),
      rows.map((row) => itemPlace.get(test.itemIds[row]!)!),
    );
  const cells = input.points.flatMap(({ split, strategy, budget, seconds, probabilities, trained, asked }): Cell[] => {
    const judged = judgeRows(probabilities, split.testRows);
    const measures = measure(judged);
    const { seed, fold } = split;
    return measures ? [{ backbone, strategy, budget, seed, fold, ...measures, seconds, judged, trained, asked }] : [];
  });
  cells.sort((a, b) => a.seed - b.seed || a.fold - b.fold);
  const draws = drawItems(itemPlace.size);
  const groups = [...Map.groupBy(cells, ({ strategy, budget }) => `${strategy} ${budget}`).values()].map(
    (own): Group => ({
      strategy: own[0]!.strategy,
      budget: own[0]!.budget,
      cells: own,
      resampled: resample(
        own.map(({ judged }) => judged),
        draws,
      ),
    }),
  );
  const colouredShare = resample(
    splits.map(({ testRows }) =>
      judgeRows(
        testRows.map((row) => test.colouredShares[row]!),
        testRows,
      ),
    ),
    draws,
  );
  const names = [...new Set(groups.map(({ strategy }) => strategy))];
  const curves = names.map((strategy) => ({
    strategy,
    points: groups
      .filter((group) => group.strategy === strategy)
      .sort((a, b) => a.budget - b.budget)
      .map(({ budget, resampled }) => ({
        budget,
        accuracy: intervalOf(resampled, 'accuracy'),
        auc: intervalOf(resampled, 'auc'),
      })),
  }));
  const lines = [
    `backbone ${backbone}: ${input.scene}`,
    ...input.notes.map((note) => `note: ${note}`),
    ...faultNotes(groups).map((note) => `note: ${note}`),
    '',
    ...table(groups),
    ...baselines(input, colouredShare),
    `means over ${splits.length} ensembles (seeds x folds); in brackets 95 % by bootstrap of the items scored`,
    '',
    ...comparisons(groups),
  ];
  return {
    backbone,
    rows: cells.map(({ judged: _, trained: __, asked: ___, ...row }) => row),
    curves,
    colouredShareAuc: colouredShare.mean.auc,
    text: lines.join('\n'),
  };
}

function faultNotes(groups: readonly Group[]): string[] {
  return groups.flatMap(({ strategy, budget, cells }) => {
    const untrained = cells.filter(({ trained }) => !trained).length;
    const short = cells.filter(({ asked }) => asked < budget);
    const least = Math.min(...short.map(({ asked }) => asked));
    return [
      ...(untrained > 0
        ? [
            `${strategy} at ${budget}: ${untrained} of ${cells.length} had fewer than two HQ or two LQ labels and only guess the share of HQ`,
          ]
        : []),
      ...(short.length > 0 && strategy === 'random'
        ? [`a budget of ${budget} is more than there is to label: the whole pool, ${least} pages or more, was labelled`]
        : []),
    ];
  });
}

function table(groups: readonly Group[]): string[] {
  const heads = ['strategy', 'labels', 'accuracy', '', 'AUC', '', 'precision', 'recall', 'ECE', 's'];
  const widths = [9, 7, 9, 16, 7, 16, 10, 8, 7, 6];
  const line = (fields: readonly string[]) =>
    fields.map((field, at) => (at === 0 ? field.padEnd(widths[at]!) : field.padStart(widths[at]!))).join('');
  return [
    line(heads),
    ...groups.map(({ strategy, budget, cells, resampled }) => {
      const accuracy = intervalOf(resampled, 'accuracy');
      const auc = intervalOf(resampled, 'auc');
      const { precision, recall, ece } = resampled.mean;
      const seconds = cells.reduce((sum, cell) => sum + cell.seconds, 0) / cells.length;
      const numbers = [shown(accuracy.mean), range(accuracy), shown(auc.mean), range(auc)];
      return line([
        ...[strategy, String(budget), ...numbers, shown(precision), shown(recall), shown(ece), seconds.toFixed(2)],
      ]);
    }),
  ];
}

/** What needs no model: the share of coloured pixels, and always giving the commoner answer. */
function baselines({ pool, test, splits }: ReportInput, colouredShare: Resampled): string[] {
  const auc = intervalOf(colouredShare, 'auc');
  const mean = (figureOf: (split: Split) => number) =>
    splits.reduce((sum, split) => sum + figureOf(split), 0) / splits.length;
  const accuracyOf = (rows: readonly number[], isRight: (row: number) => boolean) => {
    const judged = rows.filter((row) => test.labels[row] !== 'NOT_SURE');
    return judged.filter(isRight).length / Math.max(1, judged.length);
  };
  const byThreshold = mean(({ poolRows, testRows }) => {
    const threshold = bestThreshold(
      poolRows.map((row) => ({ score: pool.colouredShares[row]!, label: pool.labels[row]! })),
    );
    return accuracyOf(testRows, (row) => test.colouredShares[row]! >= threshold === (test.labels[row] === 'HQ'));
  });
  const commoner = mean(({ testRows }) => {
    const hq = accuracyOf(testRows, (row) => test.labels[row] === 'HQ');
    return Math.max(hq, 1 - hq);
  });
  return [
    `baseline: share of coloured pixels, threshold from all labels of the pool: accuracy ${shown(byThreshold)}, AUC ${shown(auc.mean)} ${range(auc)}`,
    `baseline: the commoner answer for every page: accuracy ${shown(commoner)}`,
  ];
}

/** The threshold with the most right decisions. */
function bestThreshold(pages: readonly { score: number; label: string }[]): number {
  const sorted = pages.filter(({ label }) => label !== 'NOT_SURE').sort((a, b) => b.score - a.score);
  let right = sorted.filter(({ label }) => label === 'LQ').length;
  let best = { right, threshold: Number.POSITIVE_INFINITY };
  for (const { score, label } of sorted) {
    right += label === 'HQ' ? 1 : -1;
    if (right > best.right) best = { right, threshold: score };
  }
  return best.threshold;
}

function comparisons(groups: readonly Group[]): string[] {
  const find = (strategy: string, budget: number) =>
    groups.find((group) => group.strategy === strategy && group.budget === budget);
  const budgets = [...new Set(groups.map(({ budget }) => budget))].sort((a, b) => a - b);
  const most = budgets.at(-1)!;
  const third = budgets.findLast((budget) => budget * 3 <= most);
  const chosen = groups.filter(({ strategy }) => strategy !== 'random');
  const lines: string[] = [];
  const compare = (group: Group, with_: Group | undefined) => {
    if (!with_) return;
    lines.push(
      `${group.strategy} at ${group.budget} minus ${with_.strategy} at ${with_.budget}: ${difference(group, with_, 'accuracy')}; ${difference(group, with_, 'auc')}`,
    );
  };
  const best = groups
    .filter(({ budget }) => budget === most)
    .reduce((first, next) => (next.resampled.mean.accuracy > first.resampled.mean.accuracy ? next : first));
  const { accuracy, auc } = best.resampled.mean;
  lines.push(`best at ${most} labels: ${best.strategy}, accuracy ${shown(accuracy)}, AUC ${shown(auc)}`);
  for (const group of chosen) if (group.budget === most) compare(group, find('random', most));
  if (third !== undefined) for (const group of chosen) if (group.budget === third) compare(group, find('random', most));
  if (lines.length > 1)
    lines.push(
      'differences are paired by seed and fold; 95 %: first by bootstrap of items, then Student over seeds x folds',
    );
  return lines;
}

function difference(first: Group, second: Group, name: 'accuracy' | 'auc'): string {
  const bySplit = new Map(second.cells.map((cell) => [`${cell.seed} ${cell.fold}`, cell]));
  const paired = first.cells.flatMap((cell) => {
    const twin = bySplit.get(`${cell.seed} ${cell.fold}`);
    return twin ? [cell[name] - twin[name]] : [];
  });
  const byItem = differenceOf(first.resampled, second.resampled, name);
  return `${name === 'auc' ? 'AUC' : name} ${signed(byItem.mean)} [${signed(byItem.low)}, ${signed(byItem.high)}] (${studentText(studentInterval(paired))})`;
}

const studentText = ({ low, high }: Interval) =>
  Number.isNaN(low) ? 'one pair only' : `${signed(low)}, ${signed(high)}`;
const shown = (value: number) => value.toFixed(3);
const signed = (value: number) => `${value < 0 ? '' : '+'}${value.toFixed(4)}`;
const range = ({ low, high }: Interval) => `[${shown(low)}, ${shown(high)}]`;
