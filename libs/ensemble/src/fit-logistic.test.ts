import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { selectBackend } from './backend.ts';
import { fitLogistic } from './fit-logistic.ts';
import { silentLog } from './training-set.fixture.ts';

const options = { epochsMax: 200, gradientMax: 1e-6 };
const equal = (pages: number) => new Float64Array(pages).fill(1);

beforeAll(() => selectBackend('wasm', silentLog));

it('gives the log odds as the bias when the pages tell nothing', () => {
  const [fit] = fitLogistic(new Float32Array(4), 1, [1, 1, 1, 0], [{ pageWeights: equal(4), l2: 1 }], options);
  expect(fit!.bias).toBeCloseTo(Math.log(3), 4);
  expect(fit!.loss).toBeCloseTo(0.562335, 5); // entropy of 1/4
});

it('finds the minimum worked by hand: pages at +1 and -1, l2 such that the weight is 1', () => {
  // By symmetry the bias is 0; the gradient -(1 - sigmoid(w)) + l2 w vanishes at w = 1 for l2 = 1 - sigmoid(1).
  const l2 = 1 - 1 / (1 + Math.exp(-1));
  const [fit] = fitLogistic(Float32Array.of(1, -1), 1, [1, 0], [{ pageWeights: equal(2), l2 }], options);
  expect(fit!.weights[0]).toBeCloseTo(1, 4);
  expect(fit!.bias).toBeCloseTo(0, 5);
});

it('fits each problem as if it were alone, weights of 0 and 2 as pages left out and doubled', () => {
  const rows = Float32Array.of(1, 0.5, -1, 0.2, 0.4, -0.7, 2, 2, -0.3, 0.1);
  const isHq = [1, 0, 1, 0, 0];
  const problem = { pageWeights: Float64Array.of(1, 2, 1, 0, 1), l2: 0.1 };
  const [, together] = fitLogistic(rows, 2, isHq, [{ pageWeights: equal(5), l2: 1 }, problem], options);
  const doubled = Float32Array.of(1, 0.5, -1, 0.2, -1, 0.2, 0.4, -0.7, -0.3, 0.1);
  const [alone] = fitLogistic(doubled, 2, [1, 0, 0, 1, 0], [{ pageWeights: equal(5), l2: 0.1 }], options);
  expect(together!.weights[0]).toBeCloseTo(alone!.weights[0]!, 4);
  expect(together!.weights[1]).toBeCloseTo(alone!.weights[1]!, 4);
  expect(together!.logits[3]).toBeCloseTo(2 * together!.weights[0]! + 2 * together!.weights[1]! + together!.bias, 4);
});

it('ends at once when it starts at the minimum', () => {
  const rows = Float32Array.of(1, 0.5, -1, 0.2, 0.4, -0.7, 2, 2);
  const problem = { pageWeights: equal(4), l2: 0.1 };
  const [cold] = fitLogistic(rows, 2, [1, 0, 1, 0], [problem], options);
  const [warm] = fitLogistic(rows, 2, [1, 0, 1, 0], [{ ...problem, start: cold! }], { ...options, gradientMax: 1e-5 });
  expect(cold!.epochs).toBeGreaterThan(2);
  expect(warm!.epochs).toBe(0);
});

it('stops at epochsMax, says so, and reports a falling loss', () => {
  const losses: number[] = [];
  const rows = Float32Array.from({ length: 60 }, (_, at) => Math.sin(at * at));
  const isHq = Array.from({ length: 20 }, (_, page) => (page % 3 === 0 ? 1 : 0));
  const [fit] = fitLogistic(rows, 3, isHq, [{ pageWeights: equal(20), l2: 0.001 }], {
    epochsMax: 3,
    gradientMax: 1e-12,
    onEpoch: (_, loss) => losses.push(loss),
  });
  expect(fit).toMatchObject({ converged: false, epochs: 3 });
  expect(losses).toHaveLength(3);
  expect(losses).toEqual(losses.toSorted((a, b) => b - a));
});

it('throws on a loss that is not finite and leaks no tensor', () => {
  const before = tf.memory().numTensors;
  const fit = () => fitLogistic(Float32Array.of(Number.NaN, 1), 1, [1, 0], [{ pageWeights: equal(2), l2: 1 }], options);
  expect(fit).toThrow(/not finite after 0 epochs/);
  fitLogistic(Float32Array.of(1, -1), 1, [1, 0], [{ pageWeights: equal(2), l2: 1 }], options);
  expect(tf.memory().numTensors).toBe(before);
});
