import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { selectBackend } from '../backend.ts';
import { readFinetuneParameters } from '../finetune-parameters.ts';
import { dealingName, findColdStartReason, pagesOfMember } from '../out-of-bag.ts';
import { silentLog } from '../training-set.fixture.ts';
import type { Progress } from './checkpoint.ts';
import { labelledImages } from './images.fixture.ts';
import { predictNetwork, tensorsOf } from './network.ts';
import { type NetworkOptions, trainNetwork } from './train-network.ts';

const parameters = readFinetuneParameters({
  architecture: 'small',
  side: 16,
  epochsMax: 12,
  batchPages: 8,
  memberCount: 3,
  learningRate: 3e-3,
});
const train = (options: Partial<NetworkOptions> = {}, given = parameters, set = labelledImages()) =>
  trainNetwork(set, given, { member: 0, ...options });

beforeAll(() => selectBackend('wasm', silentLog));

it('learns what holds on pages of items it never saw', () => {
  const losses: number[] = [];
  const { weights, outOfBagLogits, epochs } = train({ onEpoch: (_, loss) => losses.push(loss) });
  expect(losses).toHaveLength(epochs);
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
  const fresh = labelledImages({ seed: 8, pages: 40, items: 40 });
  const tensors = tensorsOf('small', 16, weights);
  const logits = predictNetwork(parameters, tensors, fresh.pixels, [...fresh.labels.keys()]);
  tf.dispose(tensors);
  const right = fresh.labels.filter((label, page) => logits[page]! > 0 === (label === 'HQ'));
  expect(right.length).toBeGreaterThanOrEqual(36);
  const scored = [...outOfBagLogits].filter((logit) => !Number.isNaN(logit));
  expect(scored.length).toBeGreaterThan(10);
});

it('memorises eight pages', () => {
  const set = labelledImages({ pages: 8, items: 8 });
  const { loss } = train({}, { ...parameters, epochsMax: 60, dropout: 0, stopShare: 0 }, set);
  expect(loss).toBeLessThan(0.02);
});

it('gives the same weights for the same input and seed, others for another member or seed', () => {
  const given = { ...parameters, epochsMax: 2 };
  expect(train({}, given)).toEqual(train({}, given));
  expect(train({}, given).weights).not.toEqual(train({ member: 1 }, given).weights);
  expect(train({}, given).weights).not.toEqual(train({}, { ...given, seed: 2 }).weights);
});

it('taken up from any checkpoint, it comes to the very weights of a training that was never disturbed', () => {
  const given = { ...parameters, epochsMax: 4 };
  const checkpoints: { bytes: Buffer; progress: Progress }[] = [];
  const undisturbed = train(
    { checkpointEveryMs: 0, onCheckpoint: (bytes, progress) => checkpoints.push({ bytes, progress }) },
    given,
  );
  // Steps within an epoch, at its end, and the last one of all.
  for (const { bytes, progress } of [checkpoints[1]!, checkpoints[7]!, checkpoints.at(-1)!]) {
    const epochs: number[] = [];
    const resumed = train({ checkpoint: bytes, onEpoch: (epoch) => epochs.push(epoch) }, given);
    expect(resumed).toEqual({ ...undisturbed, resumedAtStep: progress.steps });
    expect(epochs[0]).toBe(progress.epoch);
  }
});

it('begins anew, saying why, when a checkpoint is cut or of another training', () => {
  const given = { ...parameters, epochsMax: 1 };
  let checkpoint: Buffer | undefined;
  const whole = train({ checkpointEveryMs: 0, onCheckpoint: (bytes) => (checkpoint = bytes) }, given);
  const reasons: string[] = [];
  const onCheckpointRefused = (reason: string) => reasons.push(reason);
  expect(train({ checkpoint: checkpoint!.subarray(0, -9), onCheckpointRefused }, given)).toEqual(whole);
  checkpoint![checkpoint!.length - 50]! ^= 1;
  train({ checkpoint: checkpoint!, onCheckpointRefused }, given);
  checkpoint![checkpoint!.length - 50]! ^= 1;
  train({ checkpoint: checkpoint!, member: 1, onCheckpointRefused }, given);
  expect(reasons).toEqual([
    'the checkpoint does not have its sha256',
    'the checkpoint does not have its sha256',
    'the checkpoint is of another training',
  ]);
});

it('starts from its parent', () => {
  const parent = train().weights;
  const losses: number[] = [];
  const warm = train({ parent, onEpoch: (_, loss) => losses.push(loss) }, { ...parameters, epochsMax: 1 });
  expect(warm.warmStarted).toBe(true);
  expect(losses[0]).toBeLessThan(0.3);
});

it('stops when the loss on its stop pages falls no more, and keeps the weights of the best epoch', () => {
  const chance = labelledImages();
  chance.labels = chance.labels.map((_, page) => (Math.floor(page / 12) % 2 ? 'HQ' : 'LQ'));
  const stopLosses: number[] = [];
  const stopped = train(
    { onEpoch: (_, __, stopLoss) => stopLosses.push(stopLoss!) },
    { ...parameters, epochsMax: 60, patienceEpochs: 2 },
    chance,
  );
  expect(stopped.converged).toBe(true);
  expect(stopped.epochs).toBe(stopped.bestEpoch + 2);
  expect(stopped.loss).toBe(Math.min(...stopLosses));
});

it('says what to change when its loss stops being finite', () => {
  expect(() => train({}, { ...parameters, learningRate: 1e9, epochsMax: 40 })).toThrow(
    /the loss of member 0 is not finite in epoch \d+; a smaller learningRate than 1000000000 may help/,
  );
});

it('leaves no tensor behind, whether it ends well or not', () => {
  const before = tf.memory().numTensors;
  train({}, { ...parameters, epochsMax: 1 });
  expect(() => train({}, { ...parameters, learningRate: 1e9, epochsMax: 40 })).toThrow();
  expect(tf.memory().numTensors).toBe(before);
});

it('refuses one class only', () => {
  const set = labelledImages();
  expect(() => train({}, parameters, { ...set, labels: set.labels.map(() => 'LQ' as const) })).toThrow(
    'the label set has 0 usable HQ pages',
  );
});

it('leaves each labelled page out of the bag of some member, and judges no page by a member that met its item', () => {
  const set = labelledImages({ pages: 90, items: 18, notSureEvery: 10 });
  const scored = new Set<number>();
  for (let member = 0; member < 3; member++) {
    const { train, stop, outOfBag, by } = pagesOfMember(set, parameters, member);
    expect(by).toBe('item');
    const met = new Set([...train, ...stop].map((page) => set.itemIds[page]));
    expect(outOfBag.some((page) => met.has(set.itemIds[page]!))).toBe(false);
    expect(stop.some((page) => train.some((other) => set.itemIds[other] === set.itemIds[page]))).toBe(false);
    expect([...train, ...stop].some((page) => set.labels[page] === 'NOT_SURE')).toBe(false);
    expect(new Set(stop.map((page) => set.labels[page])).size).toBe(2);
    for (const page of outOfBag) scored.add(page);
  }
  expect(scored.size).toBe(90);
});

it('scores out of bag only what no ancestor met: a parent that saw the pages tells nothing of them', () => {
  // The label set grows by half from one iteration to the next, and every item's pages come from the same place in the files.
  const whole = labelledImages({ pages: 96, items: 24 });
  const firstOf = (count: number) => ({
    labels: whole.labels.slice(0, count),
    itemIds: Array.from(whole.itemIds).slice(0, count),
    pixels: whole.pixels.subarray(0, count * 3 * 16 * 16),
  });
  const given = { ...parameters, epochsMax: 1 };
  for (let member = 0; member < 3; member++) {
    const metItems = new Set<number>();
    const trainedItems = new Set<number>();
    let parent: Float32Array | undefined;
    for (const count of [40, 64, 96]) {
      const set = firstOf(count);
      const pages = pagesOfMember(set, given, member, { warmStarted: parent !== undefined });
      expect(pages.by).toBe('item');
      for (const page of pages.train) trainedItems.add(set.itemIds[page]!);
      for (const page of [...pages.train, ...pages.stop]) metItems.add(set.itemIds[page]!);
      expect(pages.stop.filter((page) => trainedItems.has(set.itemIds[page]!))).toEqual([]);
      const { weights, outOfBagLogits } = trainNetwork(set, given, { member, parent });
      const scored = [...outOfBagLogits.keys()].filter((page) => !Number.isNaN(outOfBagLogits[page]));
      expect(scored).toEqual(pages.outOfBag);
      expect(scored.length).toBeGreaterThan(0);
      expect(scored.filter((page) => metItems.has(set.itemIds[page]!))).toEqual([]);
      parent = weights;
    }
  }
});

it('starts cold where the parent may have met the pages that judge the child', () => {
  const set = labelledImages();
  const parent = { parameters, outOfFold: { outOfBagBy: 'item' as const, dealing: dealingName } };
  const reasonFor = (over: object, given = parameters, of = set) =>
    findColdStartReason(of, given, { ...parent, ...over });
  expect(reasonFor({})).toBeUndefined();
  expect(reasonFor({}, { ...parameters, epochsMax: 7 })).toBeUndefined();
  expect(reasonFor({}, { ...parameters, seed: 9 })).toBe('the parent has another seed');
  expect(reasonFor({}, { ...parameters, memberCount: 4 })).toBe('the parent has another memberCount');
  expect(reasonFor({}, { ...parameters, stopShare: 0.3 })).toBe('the parent has another stopShare');
  expect(reasonFor({ outOfFold: { outOfBagBy: 'item' } })).toBe('the parent was dealt its pages by another rule');
  expect(reasonFor({ outOfFold: { outOfBagBy: 'page', dealing: dealingName } })).toContain('too few items');
  expect(reasonFor({}, parameters, labelledImages({ items: 1 }))).toContain('too few items');
});
