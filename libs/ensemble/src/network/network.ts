import { invalidArgument } from '@florilegium/errors';
import type { Random } from '@florilegium/random';
import * as tf from '@tensorflow/tfjs-core';
import { sigmoid } from '../calibrate.ts';
import {
  type Architecture,
  architectures,
  type Layer,
  viewsOf,
  weightCountOf,
  weightSpecsOf,
} from './architectures.ts';

/** He's uniform initialisation (2015), which keeps the variance through ReLUs; biases start at zero. */
export function initialWeights(architecture: Architecture, side: number, random: Random): Float32Array {
  const specs = weightSpecsOf(architecture, side);
  const weights = new Float32Array(weightCountOf(architecture, side));
  for (const [at, view] of viewsOf(specs, weights).entries()) {
    const { fanIn } = specs[at]!;
    if (fanIn === 0) continue;
    const bound = Math.sqrt(6 / fanIn);
    for (let index = 0; index < view.length; index++) view[index] = (2 * random.next() - 1) * bound;
  }
  return weights;
}

/** A mask that a training step multiplies the inputs of a dense layer with: 0, or 1 over the share that stays. */
export type DropoutMask = (shape: [number, number]) => tf.Tensor2D;

/** What a layer has done, kept for its gradient. */
interface Pass {
  layer: Layer;
  input: tf.Tensor;
  output: tf.Tensor;
  /** Place of the layer's kernel among the weights; its bias is the next. */
  kernelAt: number;
  mask?: tf.Tensor;
}

/**
 * Passes pixels from 0 to 255, [pages, side, side, 3], through all layers; the last output is the logit of HQ, [pages, 1]. `weights` are
 * those of `weightSpecsOf`, in its order. With `dropoutMask` this is a training step's pass, without it a prediction.
 */
function passThrough(
  architecture: Architecture,
  weights: readonly tf.Tensor[],
  pixels: tf.Tensor4D,
  dropoutMask?: DropoutMask,
): Pass[] {
  const { layers } = architectures[architecture];
  const passes: Pass[] = [];
  let next = 0;
  let input: tf.Tensor = tf.sub(tf.mul(pixels, 1 / 127.5), 1);
  for (const layer of layers) {
    const pass: Pass = { layer, input, output: input, kernelAt: next };
    if (layer.kind === 'padding') pass.output = tf.pad(input, around(layer.pixels));
    else if (layer.kind === 'convolution') {
      const convolved = tf.conv2d(input as tf.Tensor4D, weights[next]! as tf.Tensor4D, layer.stride, layer.padding);
      pass.output = tf.relu(tf.add(convolved, weights[next + 1]!));
      next += 2;
    } else if (layer.kind === 'pool') {
      pass.output = tf.maxPool(input as tf.Tensor4D, layer.size, layer.stride, 'valid');
    } else if (layer.kind === 'flatten') pass.output = tf.reshape(input, [input.shape[0]!, -1]);
    else if (layer.kind === 'dropout') {
      if (dropoutMask) {
        pass.mask = dropoutMask(input.shape as [number, number]);
        pass.output = tf.mul(input, pass.mask);
      }
    } else {
      const sums = tf.add(tf.matMul(input as tf.Tensor2D, weights[next]! as tf.Tensor2D), weights[next + 1]!);
      pass.output = layer === layers.at(-1) ? sums : tf.relu(sums);
      next += 2;
    }
    passes.push(pass);
    input = pass.output;
  }
  return passes;
}

const around = (pixels: number): [number, number][] => [
  [0, 0],
  [pixels, pixels],
  [pixels, pixels],
  [0, 0],
];

/** Logits of HQ, [pages]. Call it inside `tf.tidy`. */
export function forward(architecture: Architecture, weights: readonly tf.Tensor[], pixels: tf.Tensor4D): tf.Tensor1D {
  const logits = passThrough(architecture, weights, pixels).at(-1)!.output;
  return tf.reshape(logits, [logits.shape[0]!]);
}

/**
 * One training step's loss (mean over the pages of weight x log loss, in nats) and its gradient for each weight, in their order. Call it
 * inside `tf.tidy`. Written out layer by layer: tfjs-core has no gradients without the whole of @tensorflow/tfjs, and those of its
 * matMul multiply with transposed operands, which is 13 times slower on wasm than the transposed copies here.
 */
export function lossAndGradients(
  architecture: Architecture,
  weights: readonly tf.Tensor[],
  pixels: tf.Tensor4D,
  { isHq, pageWeights }: { isHq: readonly boolean[]; pageWeights: readonly number[] },
  dropoutMask?: DropoutMask,
): { loss: number; gradients: tf.Tensor[] } {
  const passes = passThrough(architecture, weights, pixels, dropoutMask);
  const last = passes.at(-1)!;
  const logits = last.output.dataSync();
  const residuals = new Float32Array(logits.length);
  let loss = 0;
  for (const [page, logit] of logits.entries()) {
    const weight = pageWeights[page]! / logits.length;
    loss += weight * softplus(isHq[page] ? -logit : logit);
    residuals[page] = weight * (sigmoid(logit) - (isHq[page] ? 1 : 0));
  }
  const gradients: tf.Tensor[] = [];
  let change: tf.Tensor = tf.tensor2d(residuals, [logits.length, 1]);
  for (const { layer, input, output, kernelAt, mask } of passes.toReversed()) {
    if (layer.kind === 'dense') {
      if (layer !== last.layer) change = tf.mul(change, tf.step(output));
      const kernel = weights[kernelAt]! as tf.Tensor2D;
      gradients[kernelAt] = tf.matMul(tf.transpose(input), change as tf.Tensor2D);
      gradients[kernelAt + 1] = tf.sum(change, 0);
      change = tf.matMul(change as tf.Tensor2D, tf.transpose(kernel));
    } else if (layer.kind === 'dropout') {
      if (mask) change = tf.mul(change, mask);
    } else if (layer.kind === 'flatten') change = tf.reshape(change, input.shape);
    else if (layer.kind === 'pool') {
      const attributes = { filterSize: layer.size, strides: layer.stride, pad: 'valid' };
      change = tf.engine().runKernel('MaxPoolGrad', { dy: change, input, output }, attributes) as tf.Tensor;
    } else if (layer.kind === 'convolution') {
      change = tf.mul(change, tf.step(output));
      const filter = weights[kernelAt]!;
      const attributes = {
        strides: [layer.stride, layer.stride],
        pad: layer.padding,
        dataFormat: 'NHWC',
      };
      gradients[kernelAt + 1] = tf.sum(change, [0, 1, 2]);
      gradients[kernelAt] = tf
        .engine()
        .runKernel('Conv2DBackpropFilter', { x: input, dy: change }, { ...attributes, filterShape: filter.shape });
      // Nothing that trains stands before the first convolution.
      if (kernelAt === 0) break;
      change = tf
        .engine()
        .runKernel('Conv2DBackpropInput', { dy: change, filter }, { ...attributes, inputShape: input.shape });
    }
  }
  return { loss, gradients };
}

/** ln(1 + e^x) without overflow. */
export const softplus = (x: number) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)));

/** The weights as tensors, to be disposed of by the caller. */
export function tensorsOf(architecture: Architecture, side: number, weights: Float32Array): tf.Tensor[] {
  const specs = weightSpecsOf(architecture, side);
  return viewsOf(specs, weights).map((view, at) => tf.tensor(view.slice(), specs[at]!.shape));
}

/** Pages a prediction pass takes: more gain nothing on wasm, and a GPU is filled by these. */
const predictedAtOnceMax = 32;

/** Logits of HQ of some pages of `pixels`, 3 x side x side bytes a page. Throws `invalid_argument` for pixels that are not whole pages. */
export function predictNetwork(
  { architecture, side }: { architecture: Architecture; side: number },
  weights: readonly tf.Tensor[],
  pixels: Uint8Array,
  pages: readonly number[],
): Float64Array {
  const pageBytes = 3 * side * side;
  if (pixels.length % pageBytes !== 0)
    throw invalidArgument(`${pixels.length} bytes are not whole pages of ${side} x ${side} pixels`);
  const logits = new Float64Array(pages.length);
  for (let start = 0; start < pages.length; start += predictedAtOnceMax) {
    const batch = pages.slice(start, start + predictedAtOnceMax);
    const values = new Float32Array(batch.length * pageBytes);
    for (const [at, page] of batch.entries())
      values.set(pixels.subarray(page * pageBytes, (page + 1) * pageBytes), at * pageBytes);
    const result = tf.tidy(() => forward(architecture, weights, tf.tensor4d(values, [batch.length, side, side, 3])));
    logits.set(result.dataSync(), start);
    result.dispose();
  }
  return logits;
}
