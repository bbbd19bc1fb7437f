import '@tensorflow/tfjs-backend-cpu';
import { randomFrom } from '@florilegium/random';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { selectBackend } from '../backend.ts';
import { silentLog } from '../training-set.fixture.ts';

const valuesOf = (count: number, seed: number) => {
  const random = randomFrom(seed);
  return Float32Array.from({ length: count }, () => 2 * random.next() - 1);
};

interface Case {
  side: number;
  channels: number;
  filters: number;
  kernel: number;
  stride: number;
  pad: 'same' | 'valid' | number;
}

/** Gradients of input and filter of a convolution for a given change of its output. */
function gradients({ side, channels, filters, kernel, stride, pad }: Case) {
  const x = tf.tensor4d(valuesOf(3 * side * side * channels, 1), [3, side, side, channels]);
  const filter = tf.tensor4d(valuesOf(kernel * kernel * channels * filters, 2), [kernel, kernel, channels, filters]);
  const output = tf.conv2d(x, filter, stride, pad, 'NHWC', 1, typeof pad === 'number' ? 'floor' : undefined);
  const dy = tf.tensor4d(valuesOf(output.size, 3), output.shape);
  const attributes = { strides: [stride, stride], pad, dataFormat: 'NHWC', dimRoundingMode: 'floor' };
  const run = (name: string, inputs: Record<string, tf.Tensor>, more: object) =>
    (tf.engine().runKernel(name, inputs as never, { ...attributes, ...more } as never) as tf.Tensor).dataSync();
  return {
    ofInput: run('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }),
    ofFilter: run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter.shape }),
  };
}

const greatestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (value, at) => Math.abs(value - b[at]!)).reduce((max, next) => Math.max(max, next), 0);

const cases: Case[] = [
  { side: 9, channels: 3, filters: 4, kernel: 3, stride: 1, pad: 'same' },
  { side: 9, channels: 2, filters: 5, kernel: 5, stride: 1, pad: 'valid' },
  { side: 8, channels: 3, filters: 4, kernel: 5, stride: 2, pad: 'same' },
  { side: 27, channels: 3, filters: 8, kernel: 11, stride: 4, pad: 'valid' },
  { side: 10, channels: 3, filters: 2, kernel: 3, stride: 2, pad: 1 },
  { side: 12, channels: 1, filters: 1, kernel: 1, stride: 3, pad: 'valid' },
];

it.each(cases)(
  'gradients on wasm are those of the cpu backend to 1e-4: $kernel x $kernel, stride $stride, $pad',
  async (given) => {
    await selectBackend('wasm', silentLog);
    const onWasm = gradients(given);
    await tf.setBackend('cpu');
    const onCpu = gradients(given);
    await tf.setBackend('wasm');
    expect(greatestDifference(onWasm.ofFilter, onCpu.ofFilter)).toBeLessThan(1e-4);
    expect(greatestDifference(onWasm.ofInput, onCpu.ofInput)).toBeLessThan(1e-4);
  },
);

it('leaves no tensor behind', async () => {
  await selectBackend('wasm', silentLog);
  const before = tf.memory().numTensors;
  tf.tidy(() => void gradients(cases[0]!));
  expect(tf.memory().numTensors).toBe(before);
});
