import { internal, invalidArgument, messageOf } from '@florilegium/errors';
import { type Random, randomFrom, shuffled } from '@florilegium/random';
import * as tf from '@tensorflow/tfjs-core';
import type { FinetuneParameters } from '../finetune-parameters.ts';
import type { Folds } from '../folds.ts';
import { pagesOfMember } from '../out-of-bag.ts';
import { checkLabels, itemDiscountsOf, type LabelledPages, type PageLabel } from '../training-set.ts';
import { createAdam, valuesOf } from './adam.ts';
import { type Architecture, weightCountOf } from './architectures.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type Progress } from './checkpoint.ts';
import { type DropoutMask, initialWeights, lossAndGradients, predictNetwork, softplus, tensorsOf } from './network.ts';

/** Labelled pages as their pixels. */
export interface LabelledImages extends LabelledPages {
  /** Red, green, blue from 0 to 255, row by row, 3 x side x side bytes a page. */
  pixels: Uint8Array;
}

export interface NetworkOptions {
  /** 0 to memberCount - 1; picks the member's random numbers. */
  member: number;
  /**
   * Weights of the member of the same number of the parent ensemble, of the same architecture and side; one that `findColdStartReason` has
   * nothing against.
   */
  parent?: Float32Array | undefined;
  /** Where the member was left; taken up if it is one of this very training, else `onCheckpointRefused` is told why not. */
  checkpoint?: Uint8Array | undefined;
  onCheckpointRefused?: (reason: string) => void;
  /** Given the state between two steps, not more often than `checkpointEveryMs` allows. */
  onCheckpoint?: (checkpoint: Buffer, progress: Progress) => void;
  checkpointEveryMs?: number;
  /** Mean training loss, and loss on stop pages where there are any, after each epoch. */
  onEpoch?: (epoch: number, loss: number, stopLoss: number | undefined) => void;
}

export interface TrainedNetwork {
  weights: Float32Array;
  /** Of the stop pages at the epoch whose weights these are; of the training pages where there are no stop pages. In nats. */
  loss: number;
  epochs: number;
  /** The epoch whose weights these are. */
  bestEpoch: number;
  /** Whether it ended because the loss on its stop pages fell no more. */
  converged: boolean;
  warmStarted: boolean;
  /** Steps that a checkpoint had done already; 0 for a member trained in one go. */
  resumedAtStep: number;
  trainPageCount: number;
  stopPageCount: number;
  /** Logit of each page that neither the member nor its ancestors met, NaN for the others. */
  outOfBagLogits: Float64Array;
  bootstrapBy: Folds['by'];
}

const stream = { weights: 21, order: 22, flips: 23, dropout: 24 } as const;

/**
 * One member of a `finetune` ensemble: a convolutional network trained end to end by Adam on the pages of its bootstrap, mirrored at random,
 * with dropout, until the loss on its stop pages has not fallen for `patienceEpochs`; the weights of the best epoch stay. Every random number
 * follows from seed, member, epoch and step, so the same set, parameters and options give the same weights on a backend that sums
 * in a fixed order (wasm does), whether or not the training was taken up from a checkpoint. Needs `selectBackend` before. Throws
 * `invalid_argument` for labels that cannot train and for a loss that stops being finite.
 */
export function trainNetwork(
  set: LabelledImages,
  parameters: FinetuneParameters,
  options: NetworkOptions,
): TrainedNetwork {
  checkLabels(set.labels);
  const { architecture, side, seed, batchPages, epochsMax, patienceEpochs } = parameters;
  const { member, parent } = options;
  if (set.pixels.length !== 3 * side * side * set.labels.length)
    throw internal(`${set.labels.length} pages of side ${side} cannot be ${set.pixels.length} bytes`);
  const weightCount = weightCountOf(architecture, side);
  if (parent && parent.length !== weightCount)
    throw internal(`the parent has ${parent.length} weights, ${architecture} at side ${side} has ${weightCount}`);
  const pages = pagesOfMember(set, parameters, member, { warmStarted: parent !== undefined });
  const classWeights = classWeightsOf(set, pages.train, parameters);

  const identity = JSON.stringify({ parameters, member, weightCount, pageCount: set.labels.length });
  const left = readCheckpoint(options, identity);
  const progress: Progress = left?.progress ?? beginning();
  const resumedAtStep = progress.steps;
  const [leftWeights, firstMoments, secondMoments, leftBest] = left?.arrays ?? [];
  let best = leftBest;
  const start = leftWeights ?? parent ?? initialWeights(architecture, side, randomFrom(seed, stream.weights, member));
  const weights = variablesOf(architecture, side, start);
  const moments = firstMoments && secondMoments && ([firstMoments, secondMoments] as const);
  const adam = createAdam(weights, parameters.learningRate, moments);
  let savedAt = Date.now();
  let converged = false;
  try {
    for (; progress.epoch <= epochsMax && !converged; progress.epoch++) {
      const { epoch } = progress;
      const order = shuffled(pages.train, randomFrom(seed, stream.order, member, epoch));
      for (; progress.step * batchPages < order.length; ) {
        const batch = order.slice(progress.step * batchPages, (progress.step + 1) * batchPages);
        const randomOf = (name: 'flips' | 'dropout') => randomFrom(seed, stream[name], member, epoch, progress.step);
        const { loss, gradients } = tf.tidy(() =>
          lossAndGradients(
            architecture,
            weights,
            tf.tensor4d(mirroredAtRandom(set.pixels, side, batch, randomOf('flips')), [batch.length, side, side, 3]),
            {
              isHq: batch.map((page) => set.labels[page] === 'HQ'),
              pageWeights: batch.map((page) => classWeights[page]!),
            },
            dropoutMaskOf(parameters.dropout, randomOf('dropout')),
          ),
        );
        progress.step++;
        progress.steps++;
        progress.lossSum += loss * batch.length;
        adam.update(gradients, progress.steps);
        if (!Number.isFinite(loss))
          throw invalidArgument(
            `the loss of member ${member} is not finite in epoch ${epoch}; a smaller learningRate than ${parameters.learningRate} may help`,
          );
        if (options.onCheckpoint && Date.now() - savedAt >= (options.checkpointEveryMs ?? 60_000)) {
          const arrays = [valuesOf(weights), ...adam.moments(), ...(best ? [best] : [])];
          options.onCheckpoint(encodeCheckpoint({ identity, progress, arrays }), { ...progress });
          savedAt = Date.now();
        }
      }
      progress.lastLoss = progress.lossSum / order.length;
      progress.lossSum = 0;
      progress.step = 0;
      const stopLoss =
        pages.stop.length > 0 ? stopLossOf(set, parameters, weights, pages.stop, classWeights) : undefined;
      if (stopLoss !== undefined && stopLoss < (progress.bestStopLoss ?? Number.POSITIVE_INFINITY)) {
        progress.bestStopLoss = stopLoss;
        progress.bestEpoch = epoch;
        best = valuesOf(weights);
      }
      options.onEpoch?.(epoch, progress.lastLoss, stopLoss);
      converged = stopLoss !== undefined && epoch - progress.bestEpoch >= patienceEpochs;
    }
    const chosen = best ?? valuesOf(weights);
    if (!chosen.every(Number.isFinite)) throw invalidArgument(`the weights of member ${member} are not finite`);
    const epochs = progress.epoch - 1;
    return {
      weights: chosen,
      loss: progress.bestStopLoss ?? progress.lastLoss,
      epochs,
      bestEpoch: progress.bestEpoch || epochs,
      converged,
      warmStarted: parent !== undefined,
      resumedAtStep,
      trainPageCount: new Set(pages.train).size,
      stopPageCount: pages.stop.length,
      outOfBagLogits: outOfBagLogitsOf(set, parameters, chosen, pages.outOfBag),
      bootstrapBy: pages.by,
    };
  } finally {
    adam.dispose();
    tf.dispose(weights);
  }
}

const beginning = (): Progress => ({
  epoch: 1,
  step: 0,
  steps: 0,
  lossSum: 0,
  bestEpoch: 0,
  bestStopLoss: null,
  lastLoss: 0,
});

function readCheckpoint(options: NetworkOptions, identity: string): Checkpoint | undefined {
  if (!options.checkpoint) return undefined;
  try {
    const checkpoint = decodeCheckpoint(options.checkpoint);
    if (checkpoint.identity === identity) return checkpoint;
    options.onCheckpointRefused?.('the checkpoint is of another training');
  } catch (error) {
    options.onCheckpointRefused?.(messageOf(error));
  }
  return undefined;
}

function variablesOf(architecture: Architecture, side: number, start: Float32Array): tf.Variable[] {
  return tensorsOf(architecture, side, start).map((tensor) => {
    const variable = tf.variable(tensor);
    tensor.dispose();
    return variable;
  });
}

/** Weight in the loss of each page: its item's discount, and with `balanced` each class weighs one half of what trains. */
function classWeightsOf(
  set: LabelledPages,
  train: readonly number[],
  { classWeights, itemDiscount }: FinetuneParameters,
): Float64Array {
  const { labels } = set;
  const discounts = itemDiscountsOf(set, itemDiscount);
  const sums = { HQ: 0, LQ: 0, NOT_SURE: 0 };
  for (const page of train) sums[labels[page]!] += discounts[page]!;
  // The mean weight of a page that trains is 1, so that the learning rate means the same whatever the weights.
  const factorOf = (label: PageLabel) =>
    classWeights === 'none' ? train.length / (sums.HQ + sums.LQ) : train.length / 2 / sums[label];
  return Float64Array.from(labels, (label, page) => (label === 'NOT_SURE' ? 0 : discounts[page]! * factorOf(label)));
}

/** Pixels of the pages, each left as it is or mirrored left to right, by a coin. */
function mirroredAtRandom(pixels: Uint8Array, side: number, pages: readonly number[], random: Random): Float32Array {
  const pageBytes = 3 * side * side;
  const values = new Float32Array(pages.length * pageBytes);
  for (const [at, page] of pages.entries()) {
    const source = pixels.subarray(page * pageBytes, (page + 1) * pageBytes);
    const target = values.subarray(at * pageBytes, (at + 1) * pageBytes);
    if (random.next() < 0.5) {
      target.set(source);
      continue;
    }
    for (let row = 0; row < pageBytes; row += 3 * side) {
      for (let column = 0; column < side; column++) {
        const from = row + 3 * column;
        const to = row + 3 * (side - 1 - column);
        target[to] = source[from]!;
        target[to + 1] = source[from + 1]!;
        target[to + 2] = source[from + 2]!;
      }
    }
  }
  return values;
}

function dropoutMaskOf(share: number, random: Random): DropoutMask | undefined {
  if (share === 0) return undefined;
  return ([pageCount, width]) => {
    const mask = new Float32Array(pageCount * width);
    for (let at = 0; at < mask.length; at++) mask[at] = random.next() < share ? 0 : 1 / (1 - share);
    return tf.tensor2d(mask, [pageCount, width]);
  };
}

function stopLossOf(
  set: LabelledImages,
  parameters: FinetuneParameters,
  weights: readonly tf.Tensor[],
  pages: readonly number[],
  classWeights: Float64Array,
): number {
  const logits = predictNetwork(parameters, weights, set.pixels, pages);
  let sum = 0;
  let weightSum = 0;
  for (const [at, page] of pages.entries()) {
    sum += classWeights[page]! * softplus(set.labels[page] === 'HQ' ? -logits[at]! : logits[at]!);
    weightSum += classWeights[page]!;
  }
  return sum / weightSum;
}

function outOfBagLogitsOf(
  set: LabelledImages,
  parameters: FinetuneParameters,
  weights: Float32Array,
  pages: readonly number[],
): Float64Array {
  const tensors = tensorsOf(parameters.architecture, parameters.side, weights);
  const logits = predictNetwork(parameters, tensors, set.pixels, pages);
  tf.dispose(tensors);
  const ofAll = new Float64Array(set.labels.length).fill(Number.NaN);
  for (const [at, page] of pages.entries()) ofAll[page] = logits[at]!;
  return ofAll;
}
