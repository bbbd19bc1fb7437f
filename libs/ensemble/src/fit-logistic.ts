import { invalidArgument } from '@florilegium/errors';
import * as tf from '@tensorflow/tfjs-core';
import { sigmoid } from './calibrate.ts';
import type { LinearHead } from './standardisation.ts';

/** One logistic regression among those fitted together: all see the same pages and differ in weights, strength of L2 and start. */
export interface LogisticProblem {
  /** Weight of each page in the loss, 0 leaves it out. */
  pageWeights: Float64Array;
  /** Loss = weighted mean log loss in nats + l2 / 2 · |weights|². The bias is free. */
  l2: number;
  start?: LinearHead | undefined;
}

export interface LogisticFit extends LinearHead {
  /** Logit of every page, those with weight 0 too. */
  logits: Float64Array;
  loss: number;
  epochs: number;
  /** False when `epochsMax` came first; the head is usable, only less exact. */
  converged: boolean;
}

export interface FitOptions {
  /** Full passes over the pages. */
  epochsMax: number;
  /** A fit ends when no component of its gradient is larger; 1e-4 is where decisions on other books stop changing. */
  gradientMax: number;
  /** Called after each pass with the mean loss of the problems still being fitted. */
  onEpoch?: (epoch: number, meanLoss: number) => void;
}

/** Pairs of step and gradient change that L-BFGS remembers; more than 8 saved no passes here. */
const memoryMax = 8;

/**
 * Fits several L2-regularised logistic regressions at once by L-BFGS with a near-exact line search.
 *
 * A pass costs two matrix products for all problems together: directions · pages gives how every logit moves, so the line search is
 * arithmetic on vectors, and residuals · pages gives the gradients. Both are laid out so that nothing large is transposed, which is
 * 4 to 13 times slower on wasm. Everything else is in doubles on the CPU in a fixed order: same input, same weights.
 *
 * `rows` is row-major [pages, dims], standardised. Throws `invalid_argument` naming the fit when a loss or its gradient stops being finite.
 */
export function fitLogistic(
  rows: Float32Array,
  dims: number,
  isHq: ArrayLike<number>,
  problems: readonly LogisticProblem[],
  options: FitOptions,
): LogisticFit[] {
  const pageCount = isHq.length;
  const pages = tf.tensor2d(rows, [pageCount, dims]);
  try {
    // [pages, dims] x [dims, active] and [active, pages] x [pages, dims]
    const logitsOf = (heads: Float32Array, active: number) =>
      valuesOf(tf.tidy(() => tf.matMul(pages, tf.tensor2d(heads, [dims, active]))));
    const gradientsOf = (residuals: Float32Array, active: number) =>
      valuesOf(tf.tidy(() => tf.matMul(tf.tensor2d(residuals, [active, pageCount]), pages)));

    const fits = problems.map((problem) => new Descent(problem, isHq, dims));
    const warm = fits.filter((fit) => fit.problem.start !== undefined);
    if (warm.length > 0) {
      const columns = logitsOf(
        columnsOf(
          warm.map((fit) => fit.head),
          dims,
        ),
        warm.length,
      );
      warm.forEach((fit, column) => {
        fit.setLogits(columns, column, warm.length);
      });
    }
    let active = fits;
    for (let epoch = 0; active.length > 0; epoch++) {
      const residuals = new Float32Array(active.length * pageCount);
      active.forEach((fit, at) => {
        fit.writeResiduals(residuals.subarray(at * pageCount, (at + 1) * pageCount));
      });
      const gradients = gradientsOf(residuals, active.length);
      active.forEach((fit, at) => {
        fit.setGradient(gradients.subarray(at * dims, (at + 1) * dims));
        if (!Number.isFinite(fit.loss + fit.gradientMax()))
          throw invalidArgument(`the loss of fit ${problems.indexOf(fit.problem)} is not finite after ${epoch} epochs`);
      });
      if (epoch > 0) options.onEpoch?.(epoch, active.reduce((sum, fit) => sum + fit.loss, 0) / active.length);
      active = active.filter((fit) => {
        fit.converged ||= fit.gradientMax() <= options.gradientMax;
        return !fit.converged && epoch < options.epochsMax;
      });
      if (active.length === 0) break;
      const movements = logitsOf(
        columnsOf(
          active.map((fit) => fit.chooseDirection()),
          dims,
        ),
        active.length,
      );
      active.forEach((fit, column) => {
        fit.step(movements, column, active.length);
      });
    }
    return fits.map((fit) => fit.result());
  } finally {
    pages.dispose();
  }
}

/** Read outside of `tf.tidy`, which looks at every number of an array that it is given back: half a microsecond each. */
function valuesOf(tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync<'float32'>();
  tensor.dispose();
  return values;
}

/** Heads as the columns of a row-major [dims, heads] matrix; the bias stays outside. */
function columnsOf(heads: readonly Float64Array[], dims: number): Float32Array {
  const matrix = new Float32Array(dims * heads.length);
  heads.forEach((head, column) => {
    for (let dim = 0; dim < dims; dim++) matrix[dim * heads.length + column] = head[dim]!;
  });
  return matrix;
}

/** L-BFGS of one problem. Vectors of dims + 1 hold the weights, then the bias. */
class Descent {
  readonly problem: LogisticProblem;
  readonly #isHq: ArrayLike<number>;
  readonly #dims: number;
  /** Page weights over their sum. */
  readonly #shares: Float64Array;
  readonly head: Float64Array;
  readonly #logits: Float64Array;
  readonly #pairs: { step: Float64Array; change: Float64Array; curvature: number }[] = [];
  #gradient = new Float64Array(0);
  #direction = new Float64Array(0);
  #lastStep: Float64Array | undefined;
  #biasResidual = 0;
  loss = 0;
  epochs = 0;
  converged = false;

  constructor(problem: LogisticProblem, isHq: ArrayLike<number>, dims: number) {
    this.problem = problem;
    this.#isHq = isHq;
    this.#dims = dims;
    const weightSum = problem.pageWeights.reduce((sum, weight) => sum + weight, 0);
    this.#shares = problem.pageWeights.map((weight) => weight / weightSum);
    this.head = new Float64Array(dims + 1);
    if (problem.start) {
      this.head.set(problem.start.weights);
      this.head[dims] = problem.start.bias;
    }
    this.#logits = new Float64Array(isHq.length).fill(this.head[dims]!);
  }

  setLogits(columns: Float32Array, column: number, columnCount: number): void {
    const bias = this.head[this.#dims]!;
    for (let page = 0; page < this.#logits.length; page++)
      this.#logits[page] = columns[page * columnCount + column]! + bias;
  }

  /** d loss / d logit of each page; sets the loss at the present head on the way. */
  writeResiduals(into: Float32Array): void {
    let loss = 0;
    let biasResidual = 0;
    for (let page = 0; page < into.length; page++) {
      const share = this.#shares[page]!;
      if (share === 0) continue;
      const logit = this.#logits[page]!;
      const residual = share * (sigmoid(logit) - this.#isHq[page]!);
      loss += share * softplus(this.#isHq[page] ? -logit : logit);
      biasResidual += residual;
      into[page] = residual;
    }
    this.loss = loss + (this.problem.l2 / 2) * dotOf(this.head, this.head, this.#dims);
    this.#biasResidual = biasResidual;
  }

  setGradient(ofLoss: Float32Array): void {
    const gradient = new Float64Array(this.#dims + 1);
    for (let dim = 0; dim < this.#dims; dim++) gradient[dim] = ofLoss[dim]! + this.problem.l2 * this.head[dim]!;
    gradient[this.#dims] = this.#biasResidual;
    if (this.#lastStep) {
      const change = gradient.map((value, dim) => value - this.#gradient[dim]!);
      const curvature = dotOf(this.#lastStep, change);
      // Single-precision gradients near the minimum can make a curvature of a convex loss come out as zero or below: forget that pair.
      if (curvature > 1e-12) this.#pairs.push({ step: this.#lastStep, change, curvature });
      if (this.#pairs.length > memoryMax) this.#pairs.shift();
    }
    this.#gradient = gradient;
  }

  gradientMax(): number {
    return this.#gradient.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  }

  /** The two-loop recursion (Nocedal and Wright, algorithm 7.4). */
  chooseDirection(): Float64Array {
    const direction = this.#gradient.map((value) => -value);
    const factors: number[] = [];
    for (const { step, change, curvature } of this.#pairs.toReversed()) {
      const factor = dotOf(step, direction) / curvature;
      factors.unshift(factor);
      addTo(direction, change, -factor);
    }
    const newest = this.#pairs.at(-1);
    if (newest) {
      const scale = newest.curvature / dotOf(newest.change, newest.change);
      for (let dim = 0; dim < direction.length; dim++) direction[dim]! *= scale;
    }
    this.#pairs.forEach(({ step, change, curvature }, at) => {
      addTo(direction, step, factors[at]! - dotOf(change, direction) / curvature);
    });
    this.#direction = direction;
    return direction;
  }

  /** Goes along the direction to where its slope has fallen to a tenth. Column `column` of `movements` tells how the logits move. */
  step(movements: Float32Array, column: number, columnCount: number): void {
    const movement = new Float64Array(this.#logits.length);
    const biasMovement = this.#direction[this.#dims]!;
    for (let page = 0; page < movement.length; page++)
      movement[page] = movements[page * columnCount + column]! + biasMovement;
    const l2Slope = this.problem.l2 * dotOf(this.head, this.#direction, this.#dims);
    const l2Curvature = this.problem.l2 * dotOf(this.#direction, this.#direction, this.#dims);

    let low = 0;
    let high = Number.POSITIVE_INFINITY;
    let length = 0;
    let slope = 0;
    let firstSlope = 0;
    // The loss is convex along the line: Newton's steps for the slope's root, kept between the brackets.
    for (let attempt = 0; attempt < 20; attempt++) {
      slope = l2Slope + length * l2Curvature;
      let curvature = l2Curvature;
      for (let page = 0; page < movement.length; page++) {
        const share = this.#shares[page]!;
        if (share === 0) continue;
        const probability = sigmoid(this.#logits[page]! + length * movement[page]!);
        slope += share * (probability - this.#isHq[page]!) * movement[page]!;
        curvature += share * probability * (1 - probability) * movement[page]! ** 2;
      }
      if (attempt === 0) firstSlope = slope;
      else if (Math.abs(slope) <= 0.1 * Math.abs(firstSlope)) break;
      if (slope < 0) low = length;
      else high = length;
      const newton = length - slope / Math.max(curvature, 1e-30);
      if (newton > low && newton < high && Number.isFinite(newton)) length = newton;
      else length = high === Number.POSITIVE_INFINITY ? Math.max(1, 2 * length) : (low + high) / 2;
    }
    this.epochs++;
    // A direction that does not descend is rounding at the minimum: nothing is left to gain in single precision.
    if (!(firstSlope < 0)) {
      this.converged = true;
      this.#lastStep = undefined;
      return;
    }
    const step = this.#direction.map((value) => value * length);
    addTo(this.head, step, 1);
    addTo(this.#logits, movement, length);
    this.#lastStep = step;
  }

  result(): LogisticFit {
    return {
      weights: this.head.slice(0, this.#dims),
      bias: this.head[this.#dims]!,
      logits: this.#logits,
      loss: this.loss,
      epochs: this.epochs,
      converged: this.converged,
    };
  }
}

/** ln(1 + e^x) without overflow. */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

function dotOf(a: Float64Array, b: Float64Array, length = a.length): number {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += a[at]! * b[at]!;
  return sum;
}

function addTo(target: Float64Array, source: Float64Array, factor: number): void {
  for (let at = 0; at < target.length; at++) target[at]! += factor * source[at]!;
}
