import { randomFrom } from '@florilegium/random';
import type { PageLabel, TrainingSet } from './training-set.ts';

/**
 * Pages of items whose pages look alike: the first dimension tells HQ from LQ (means +1 and -1), the rest is noise of the item and
 * of the page, and dimension `dims - 1` never moves.
 */
export function aTrainingSet({
  pages = 240,
  items = 24,
  dims = 12,
  seed = 3,
  notSureEvery = 0,
  signal = 1.5,
} = {}): TrainingSet {
  const random = randomFrom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const itemNoise = Array.from({ length: items }, () => Array.from({ length: dims }, normal));
  const rows = new Float32Array(pages * dims);
  const labels: PageLabel[] = [];
  const itemIds = new Int32Array(pages);
  for (let page = 0; page < pages; page++) {
    const item = page % items;
    const isHq = random.next() < 0.45;
    itemIds[page] = 700_000 + item;
    labels.push(notSureEvery > 0 && page % notSureEvery === 0 ? 'NOT_SURE' : isHq ? 'HQ' : 'LQ');
    for (let dim = 0; dim < dims - 1; dim++) rows[page * dims + dim] = 0.5 * itemNoise[item]![dim]! + normal();
    rows[page * dims]! += isHq ? signal : -signal;
    rows[page * dims + dims - 1] = 4;
  }
  return { rows, dims, labels, itemIds };
}

export const silentLog = { info: () => {}, warn: () => {} };
