import { parseArgs } from 'node:util';
import {
  calibrateEnsemble,
  chooseL2,
  finetuneDefaults,
  type LabelledImages,
  readFinetuneParameters,
  readProbeParameters,
  selectBackend,
  type TrainedMember,
  type TrainingSet,
  tensorflowBackends,
  trainMember,
  trainNetwork,
} from '@florilegium/ensemble';
import { randomFrom } from '@florilegium/random';
import * as tf from '@tensorflow/tfjs-core';

export const describe =
  'five heads on 1,000 and 10,000 embeddings against their multiplications done bare, and one AlexNet (--backend auto --sizes 1000,10000 --alexnet-side 224)';

const ratioMax = 4;
const dims = 1280;
/** Rounds of members and bare products in turn, so that a machine that grows slower meanwhile is divided out. */
const rounds = 3;

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      backend: { type: 'string', default: 'auto' },
      sizes: { type: 'string', default: '1000,10000' },
      'alexnet-side': { type: 'string', default: '224' },
    },
  });
  const wanted = (['auto', ...tensorflowBackends] as const).find((name) => name === values.backend);
  const sizes = values.sizes.split(',').map(Number);
  if (!wanted) throw new Error(`--backend wants auto, ${tensorflowBackends.join(', ')}`);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 100)) throw new Error('--sizes wants numbers from 100');
  const log = { info: () => {}, warn: (_: object, text: string) => console.error(text) };
  console.log(`backend ${await selectBackend(wanted, log)}, ${dims} dimensions, 5 members`);
  // Kernels are compiled and memory is taken before anything is timed.
  measureIteration(aTrainingSet(200), 1);

  const iterations = sizes.map((size) => {
    const iteration = measureIteration(aTrainingSet(size), rounds);
    console.log(sentence(size, iteration));
    return iteration;
  });
  const largest = iterations.at(-1)!;
  const network = measureAlexNet(Number(values['alexnet-side']), sizes.at(-1)!);
  console.log(network.sentence);
  console.log(
    `an iteration of five heads with search, folds and calibration takes ${largest.wholeSeconds.toFixed(1)} s, ${(network.seconds / largest.wholeSeconds).toFixed(0)} times less than that one member`,
  );
  for (const [at, { ratio }] of iterations.entries())
    console.log(
      `${sizes[at]} labels: ratio ${ratio.toFixed(2)}, limit ${ratioMax}: ${ratio <= ratioMax ? 'kept' : 'MISSED'}`,
    );
  return iterations.every(({ ratio }) => ratio <= ratioMax) ? 0 : 1;
}

interface Iteration {
  l2: number;
  l2Seconds: number;
  membersSeconds: number;
  bareSeconds: number;
  foldsSeconds: number;
  calibrateSeconds: number;
  epochs: number[];
  ratio: number;
  wholeSeconds: number;
}

function measureIteration(set: TrainingSet, roundCount: number): Iteration {
  const parameters = readProbeParameters({});
  const [{ l2 }, l2Seconds] = timed(() => chooseL2(set, parameters));
  const trainAll = (folds: 'fitted' | 'left-out') =>
    Array.from({ length: parameters.memberCount }, (_, member) => trainMember(set, parameters, { member, l2, folds }));
  let membersSeconds = 0;
  let bareSeconds = 0;
  let members: TrainedMember[] = [];
  for (let round = 0; round < roundCount; round++) {
    const [trained, seconds] = timed(() => trainAll('left-out'));
    membersSeconds += seconds / roundCount;
    bareSeconds +=
      timed(() =>
        multiplyBare(
          set,
          trained.map(({ epochs }) => epochs),
        ),
      )[1] / roundCount;
    members = trained;
  }
  const [scored, wholeMembersSeconds] = timed(() => trainAll('fitted'));
  const calibrateSeconds = timed(() => calibrateEnsemble(set, parameters, scored))[1];
  return {
    l2,
    l2Seconds,
    membersSeconds,
    bareSeconds,
    foldsSeconds: wholeMembersSeconds - membersSeconds,
    calibrateSeconds,
    epochs: members.map(({ epochs }) => epochs),
    ratio: membersSeconds / bareSeconds,
    wholeSeconds: l2Seconds + wholeMembersSeconds + calibrateSeconds,
  };
}

/**
 * What the members multiply and nothing else: for each epoch one product of pages and direction, and for each epoch and the start one of residuals and
 * pages. The pages are on the backend before, as they are for all but the first of a member's products.
 */
function multiplyBare(set: TrainingSet, epochs: readonly number[]): void {
  const pageCount = set.labels.length;
  tf.tidy(() => {
    const pages = tf.tensor2d(set.rows, [pageCount, dims]);
    const direction = tf.ones<tf.Rank.R2>([dims, 1]);
    const residuals = tf.ones<tf.Rank.R2>([1, pageCount]);
    for (const count of epochs) {
      for (let epoch = 0; epoch <= count; epoch++) {
        tf.tidy(() => void tf.matMul(residuals, pages).dataSync());
        if (epoch < count) tf.tidy(() => void tf.matMul(pages, direction).dataSync());
      }
    }
  });
}

/**
 * Steps of the reference project's network on `pageCount` pages, extrapolated from two sizes of steps that are measured: a step costs so much, the update of
 * 57 million weights above all, and each page of it so much more.
 */
function measureAlexNet(side: number, pageCount: number): { seconds: number; sentence: string } {
  const stepSeconds = (pages: number) => {
    const parameters = readFinetuneParameters({
      architecture: 'alexnet',
      side,
      memberCount: 2,
      epochsMax: 3,
      batchPages: pages,
      stopShare: 0,
    });
    const ends: number[] = [];
    trainNetwork(someImages(pages, side), parameters, { member: 0, onEpoch: () => ends.push(performance.now()) });
    // The first one takes memory and packs weights; each epoch is one step.
    return Math.min(ends[1]! - ends[0]!, ends[2]! - ends[1]!) / 1000;
  };
  const [few, many] = [4, 16];
  const [fewSeconds, manySeconds] = [stepSeconds(few), stepSeconds(many)];
  const pageSeconds = (manySeconds - fewSeconds) / (many - few);
  const { batchPages, patienceEpochs } = finetuneDefaults('alexnet');
  const epochSeconds =
    Math.ceil(pageCount / batchPages) * Math.max(0, fewSeconds - few * pageSeconds) + pageCount * pageSeconds;
  const epochs = patienceEpochs + 1;
  return {
    seconds: epochs * epochSeconds,
    sentence: `one AlexNet at side ${side}: a step of ${few} pages ${fewSeconds.toFixed(2)} s, of ${many} pages ${manySeconds.toFixed(2)} s; an epoch of ${pageCount} pages in batches of ${batchPages} ${epochSeconds.toFixed(0)} s, ${epochs} epochs, the fewest before it may stop, ${(epochs * epochSeconds).toFixed(0)} s (extrapolated)`,
  };
}

/** Rows of unit noise, pages of twenty to an item, in which 64 dimensions tell HQ from LQ a little. */
function aTrainingSet(pageCount: number): TrainingSet {
  const random = randomFrom(7, pageCount);
  const labels = Array.from({ length: pageCount }, () => (random.next() < 0.4 ? ('HQ' as const) : ('LQ' as const)));
  const rows = new Float32Array(pageCount * dims);
  for (let at = 0; at < rows.length; at++) {
    const dim = at % dims;
    const signal = dim < 64 ? (labels[Math.floor(at / dims)] === 'HQ' ? 0.2 : -0.2) : 0;
    // The sum of three uniforms: near enough to a normal deviate, and quick.
    rows[at] = signal + 2 * (random.next() + random.next() + random.next()) - 3;
  }
  return { rows, dims, labels, itemIds: Int32Array.from(labels, (_, page) => Math.floor(page / 20)) };
}

/** Pages of noise, each an item of its own, so that a member draws as many as there are. */
function someImages(pageCount: number, side: number): LabelledImages {
  const random = randomFrom(pageCount);
  return {
    labels: Array.from({ length: pageCount }, (_, page) => (page % 2 ? 'HQ' : 'LQ')),
    itemIds: Int32Array.from({ length: pageCount }, (_, page) => page),
    pixels: Uint8Array.from({ length: pageCount * 3 * side * side }, () => random.below(256)),
  };
}

function timed<Result>(work: () => Result): [Result, number] {
  const startedAt = performance.now();
  const result = work();
  return [result, (performance.now() - startedAt) / 1000];
}

const sentence = (size: number, it: Iteration) =>
  [
    `${size} labels: five members ${it.membersSeconds.toFixed(2)} s (${it.epochs.join(', ')} epochs), the same multiplications bare ${it.bareSeconds.toFixed(2)} s`,
    `  apart: search of L2 (${it.l2}) ${it.l2Seconds.toFixed(2)} s, fits of folds ${it.foldsSeconds.toFixed(2)} s, calibration ${it.calibrateSeconds.toFixed(2)} s; all of it ${it.wholeSeconds.toFixed(2)} s`,
  ].join('\n');
