import * as tf from '@tensorflow/tfjs-core';

/** Of the paper (Kingma and Ba, 2015) and of PyTorch, which the reference project trains with. */
const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

export interface Adam {
  /** Moves the weights; `step` counts from 1 over all epochs. Disposes of the gradients. */
  update(gradients: readonly tf.Tensor[], step: number): void;
  /** First moments, then second moments, each in the order of the weights. */
  moments(): [Float32Array, Float32Array];
  dispose(): void;
}

/**
 * Adam over variables. tf.train.adam keeps the powers of its betas to itself, as running products, so that a training that was taken up again
 * would differ in the last digits; here they follow from the step.
 */
export function createAdam(
  weights: readonly tf.Variable[],
  learningRate: number,
  start?: readonly [Float32Array, Float32Array],
): Adam {
  const variablesOf = (values: Float32Array | undefined) => {
    let from = 0;
    return weights.map(({ shape, size }) => {
      const first = values ? tf.tensor(values.slice(from, from + size), shape) : tf.zeros(shape);
      from += size;
      const variable = tf.variable(first, false);
      first.dispose();
      return variable;
    });
  };
  const first = variablesOf(start?.[0]);
  const second = variablesOf(start?.[1]);
  return {
    update: (gradients, step) => {
      const rate = (learningRate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
      // As PyTorch has it, epsilon is added to the corrected root: this is the same with the correction taken to the other side.
      const shift = epsilon * Math.sqrt(1 - beta2 ** step);
      for (const [at, weight] of weights.entries()) {
        tf.tidy(() => {
          const gradient = gradients[at]!;
          first[at]!.assign(tf.add(tf.mul(first[at]!, beta1), tf.mul(gradient, 1 - beta1)));
          second[at]!.assign(tf.add(tf.mul(second[at]!, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
          weight.assign(tf.sub(weight, tf.mul(tf.div(first[at]!, tf.add(tf.sqrt(second[at]!), shift)), rate)));
        });
        gradients[at]!.dispose();
      }
    },
    moments: () => [valuesOf(first), valuesOf(second)],
    dispose: () => tf.dispose([first, second]),
  };
}

/** The values of all tensors, one after the other. */
export function valuesOf(tensors: readonly tf.Tensor[]): Float32Array {
  const values = new Float32Array(tensors.reduce((sum, { size }) => sum + size, 0));
  let start = 0;
  for (const tensor of tensors) {
    values.set(tensor.dataSync<'float32'>(), start);
    start += tensor.size;
  }
  return values;
}
