import type { TrainingSet } from './training-set.ts';

/** An affine map per dimension: (x - mean) / scale. */
export interface Standardisation {
  name: 'z-score-floored';
  mean: Float64Array;
  scale: Float64Array;
}

/**
 * Mean and deviation over the labelled pages, whatever their label. The deviation is floored, softly, at a tenth of the dimensions'
 * root mean square: a dimension that hardly moves on a few hundred pages would otherwise shout on the first page where it does.
 */
export function standardisationOf(set: TrainingSet): Standardisation {
  const { rows, dims } = set;
  const pageCount = set.labels.length;
  const mean = new Float64Array(dims);
  const variance = new Float64Array(dims);
  // Row by row: a remainder for each of ten million numbers takes longer than everything else here.
  for (let row = 0; row < rows.length; row += dims) {
    for (let dim = 0; dim < dims; dim++) mean[dim]! += rows[row + dim]!;
  }
  for (let dim = 0; dim < dims; dim++) mean[dim]! /= pageCount;
  for (let row = 0; row < rows.length; row += dims) {
    for (let dim = 0; dim < dims; dim++) {
      const difference = rows[row + dim]! - mean[dim]!;
      variance[dim]! += difference * difference;
    }
  }
  for (let dim = 0; dim < dims; dim++) variance[dim]! /= pageCount;
  const meanVariance = variance.reduce((sum, value) => sum + value, 0) / dims;
  const floor = 0.01 * meanVariance || 1; // all rows alike: any scale does
  return { name: 'z-score-floored', mean, scale: variance.map((value) => Math.sqrt(value + floor)) };
}

export function standardisedRows(set: TrainingSet, { mean, scale }: Standardisation): Float32Array {
  const { rows, dims } = set;
  const result = new Float32Array(rows.length);
  const factor = scale.map((value) => 1 / value);
  for (let row = 0; row < rows.length; row += dims) {
    for (let dim = 0; dim < dims; dim++) result[row + dim] = (rows[row + dim]! - mean[dim]!) * factor[dim]!;
  }
  return result;
}

/** A linear head: logit of HQ = weights · x + bias. */
export interface LinearHead {
  weights: Float64Array;
  bias: number;
}

/** The head on raw embeddings that gives the same logits as `head` on standardised ones. */
export function foldIn(head: LinearHead, { mean, scale }: Standardisation): LinearHead {
  const weights = head.weights.map((weight, dim) => weight / scale[dim]!);
  return { weights, bias: head.bias - dot(weights, mean) };
}

/** The inverse of `foldIn`: what a head on raw embeddings (a parent's, say) is on standardised ones. */
export function foldOut(head: LinearHead, { mean, scale }: Standardisation): LinearHead {
  return {
    weights: head.weights.map((weight, dim) => weight * scale[dim]!),
    bias: head.bias + dot(head.weights, mean),
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
  return sum;
}
