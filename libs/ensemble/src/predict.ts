import { invalidArgument } from '@florilegium/errors';
import * as tf from '@tensorflow/tfjs-core';
import { memberProbabilitiesAt } from './calibrate.ts';
import type { Ensemble } from './ensemble.ts';

/**
 * Uncalibrated logit of HQ by every member, row-major [pages, members], for a batch of embeddings, row-major [pages, dims]. Needs
 * `selectBackend` before. Throws `invalid_argument` when the rows are not whole pages of the ensemble's dimensions.
 */
export function predictLogits(ensemble: Ensemble, rows: Float32Array): Float32Array {
  const { dims, members } = ensemble;
  if (rows.length % dims !== 0) {
    throw invalidArgument(`${rows.length} embedding values are not whole pages of ${dims} dimensions`);
  }
  const pageCount = rows.length / dims;
  if (pageCount === 0) return new Float32Array(0);
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor2d(rows, [pageCount, dims]), tf.tensor2d(weightMatrixOf(ensemble), [dims, members.length])),
  );
  // Read outside of `tf.tidy`, which looks at every number of an array that it is given back.
  const logits = product.dataSync();
  product.dispose();
  return Float32Array.from(logits, (logit, at) => logit + members[at % members.length]!.bias);
}

/** Calibrated P(HQ) by every member, row-major [pages, members]. Same needs and errors as `predictLogits`. */
export function predict(ensemble: Ensemble, rows: Float32Array): Float32Array {
  return memberProbabilitiesAt(predictLogits(ensemble, rows), ensemble.temperature);
}

const matrices = new WeakMap<Ensemble, Float32Array>();

/** [dims, members], made once an ensemble. */
function weightMatrixOf(ensemble: Ensemble): Float32Array {
  let matrix = matrices.get(ensemble);
  if (!matrix) {
    matrix = new Float32Array(ensemble.dims * ensemble.members.length);
    for (const [column, { weights }] of ensemble.members.entries()) {
      for (let dim = 0; dim < ensemble.dims; dim++) matrix[dim * ensemble.members.length + column] = weights[dim]!;
    }
    matrices.set(ensemble, matrix);
  }
  return matrix;
}
