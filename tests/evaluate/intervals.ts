import { randomFrom } from '@florilegium/random';
import { type JudgedPages, type Measures, measure, measureNames } from './measures.ts';

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** Draws of a bootstrap. */
export const drawCount = 1000;

/** How often each item was drawn, for each draw: as many items as there are, with replacement. */
export function drawItems(itemCount: number, seed = 1): Float64Array[] {
  const random = randomFrom(seed, 7);
  return Array.from({ length: drawCount }, () => {
    const weights = new Float64Array(itemCount);
    for (let draw = 0; draw < itemCount; draw++) weights[random.below(itemCount)]!++;
    return weights;
  });
}

/** Means over ensembles (one a seed and fold): as measured, and under each draw of items. */
export interface Resampled {
  mean: Measures;
  /** Per measure one value a draw. */
  draws: Record<keyof Measures, Float64Array>;
}

export function resample(cells: readonly JudgedPages[], draws: readonly Float64Array[]): Resampled {
  const meanUnder = (weights: Float64Array | undefined): Measures => {
    const sum: Measures = { accuracy: 0, auc: 0, precision: 0, recall: 0, ece: 0 };
    let count = 0;
    for (const cell of cells) {
      const measures = measure(cell, weights);
      if (!measures) continue;
      count++;
      for (const name of measureNames) sum[name] += measures[name];
    }
    for (const name of measureNames) sum[name] /= count;
    return sum;
  };
  const perDraw = draws.map(meanUnder);
  const column = (name: keyof Measures) => Float64Array.from(perDraw, (measures) => measures[name]);
  return {
    mean: meanUnder(undefined),
    draws: {
      accuracy: column('accuracy'),
      auc: column('auc'),
      precision: column('precision'),
      recall: column('recall'),
      ece: column('ece'),
    },
  };
}

/** The middle 95 % of the draws around the mean. */
export function intervalOf({ mean, draws }: Resampled, name: keyof Measures): Interval {
  return { mean: mean[name], ...middle(draws[name]) };
}

/** Of first minus second, both under the same draws. */
export function differenceOf(first: Resampled, second: Resampled, name: keyof Measures): Interval {
  const differences = first.draws[name].map((value, draw) => value - second.draws[name][draw]!);
  return { mean: first.mean[name] - second.mean[name], ...middle(differences) };
}

function middle(values: Float64Array): { low: number; high: number } {
  const sorted = values.filter(Number.isFinite).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { low: at(0.025), high: at(0.975) };
}

/** Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; beyond, 1.96 + 2.4 / df is right to 0.001. */
const tPoints = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Mean and Student's interval of values that are taken as independent: here differences paired by seed and fold. */
export function studentInterval(values: readonly number[]): Interval {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, low: Number.NaN, high: Number.NaN };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const reach = (tPoints[count - 2] ?? 1.96 + 2.4 / (count - 1)) * Math.sqrt(variance / count);
  return { mean, low: mean - reach, high: mean + reach };
}
