import '@tensorflow/tfjs-backend-cpu';
import { randomFrom } from '@florilegium/random';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { selectBackend } from '../backend.ts';
import { silentLog } from '../training-set.fixture.ts';
import { viewsOf, weightCountOf, weightSpecsOf } from './architectures.ts';
import { forward, initialWeights, lossAndGradients, tensorsOf } from './network.ts';

const side = 16;
const random = randomFrom(5);
const pixels = Float32Array.from({ length: 4 * side * side * 3 }, () => Math.floor(256 * random.next()));
const labels = { isHq: [true, false, true, false], pageWeights: [1, 2, 0.5, 1] };
/** Both dropouts of `small` see 64 inputs at this side. */
const dropoutMask = () =>
  tf.tensor2d(
    Array.from({ length: 4 * 64 }, (_, at) => (at % 3 === 0 ? 0 : 1.5)),
    [4, 64],
  );

function lossAt(weights: Float32Array) {
  return tf.tidy(() => {
    const tensors = tensorsOf('small', side, weights);
    return lossAndGradients('small', tensors, tf.tensor4d(pixels, [4, side, side, 3]), labels, dropoutMask);
  });
}

it.each(['cpu', 'wasm'])('its gradients are the slopes of its loss, on %s', async (backend) => {
  await selectBackend('wasm', silentLog);
  await tf.setBackend(backend);
  const weights = initialWeights('small', side, randomFrom(9));
  const specs = weightSpecsOf('small', side);
  const { gradients } = tf.tidy(() => {
    const { gradients } = lossAndGradients(
      'small',
      tensorsOf('small', side, weights),
      tf.tensor4d(pixels, [4, side, side, 3]),
      labels,
      dropoutMask,
    );
    return { gradients: gradients.map((gradient) => tf.keep(gradient)) };
  });
  for (const [at, view] of viewsOf(specs, weights).entries()) {
    const slopes = gradients[at]!.dataSync<'float32'>();
    // The steepest weight of each kernel and bias: elsewhere a difference in single precision is mostly rounding.
    const steepest = slopes.reduce(
      (best, slope, index) => (Math.abs(slope) > Math.abs(slopes[best]!) ? index : best),
      0,
    );
    const before = view[steepest]!;
    const step = 1e-3;
    view[steepest] = before + step;
    const above = lossAt(weights).loss;
    view[steepest] = before - step;
    const below = lossAt(weights).loss;
    view[steepest] = before;
    const measured = (above - below) / (2 * step);
    expect(Math.abs(measured / slopes[steepest]! - 1), specs[at]!.name).toBeLessThan(0.03);
  }
  await tf.setBackend('wasm');
});

it("has torchvision's AlexNet's count of weights, but for one output in place of two", () => {
  expect(weightCountOf('alexnet', 224)).toBe(57_012_034 - 4097);
  expect(weightSpecsOf('alexnet', 224).find(({ name }) => name === 'fc1/kernel')!.shape).toEqual([9216, 4096]);
});

it('predicts a page the same alone and among others', async () => {
  await selectBackend('wasm', silentLog);
  const weights = tensorsOf('small', side, initialWeights('small', side, randomFrom(9)));
  const all = forward('small', weights, tf.tensor4d(pixels, [4, side, side, 3])).dataSync();
  const one = forward('small', weights, tf.tensor4d(pixels.slice(0, side * side * 3), [1, side, side, 3])).dataSync();
  expect(all[0]).toBeCloseTo(one[0]!, 5);
  expect(new Set(all).size).toBe(4);
});
