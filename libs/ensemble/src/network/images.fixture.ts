import { randomFrom } from '@florilegium/random';
import type { PageLabel } from '../training-set.ts';
import type { LabelledImages } from './train-network.ts';

/** Pages of items with a paper of their own and noise: HQ pages carry a reddish square somewhere, LQ pages lines of grey. */
export function labelledImages({ pages = 60, items = 12, side = 16, seed = 3, notSureEvery = 0 } = {}): LabelledImages {
  const random = randomFrom(seed);
  const paper = Array.from({ length: items }, () => 170 + random.below(60));
  const labels: PageLabel[] = [];
  const itemIds = new Int32Array(pages);
  const pixels = new Uint8Array(pages * 3 * side * side);
  for (let page = 0; page < pages; page++) {
    const item = page % items;
    itemIds[page] = 500 + item;
    const isHq = random.next() < 0.5;
    labels.push(notSureEvery > 0 && page % notSureEvery === 0 ? 'NOT_SURE' : isHq ? 'HQ' : 'LQ');
    const size = Math.ceil(side / 3);
    const [left, top] = [random.below(side - size), random.below(side - size)];
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const inSquare = isHq && x >= left && x < left + size && y >= top && y < top + size;
        const onLine = !isHq && y % 4 === top % 4;
        const at = 3 * ((page * side + y) * side + x);
        for (let channel = 0; channel < 3; channel++) {
          const tone = inSquare ? (channel === 0 ? 190 : 60) : onLine ? 90 : paper[item]!;
          pixels[at + channel] = tone + random.below(20);
        }
      }
    }
  }
  return { labels, itemIds, pixels };
}
