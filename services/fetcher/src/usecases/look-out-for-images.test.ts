import { expect, it } from 'vitest';
import type { ImageKnowledge } from '../domain/image.ts';
import { lookOutForImages } from './look-out-for-images.ts';

const stateOf = new Map<number, 'pending' | 'missing'>();
let looks: number[][] = [];
const findImages = async (pageIds: readonly number[], size: ImageKnowledge['size']): Promise<ImageKnowledge[]> => {
  looks.push([...pageIds]);
  return pageIds.map((pageId) => ({ state: stateOf.get(pageId) ?? 'pending', pageId, size, detail: '' }));
};
const soon = () => performance.now() + 1000;

it('looks for all who wait at once, and tells each as soon as its image is settled', async () => {
  const lookout = lookOutForImages({ findImages });
  const pageIds = Array.from({ length: 200 }, (_, index) => index + 1);
  const waits = pageIds.map((pageId) => lookout.settled(pageId, 'medium', soon()));
  await new Promise((resolve) => setTimeout(resolve, 250));
  stateOf.set(7, 'missing');
  expect(await waits[6]).toMatchObject({ pageId: 7, state: 'missing' });
  for (const pageId of pageIds) stateOf.set(pageId, 'missing');
  expect((await Promise.all(waits)).every((known) => known?.state === 'missing')).toBe(true);
  // The first who came was looked for alone.
  expect(looks.length).toBeLessThan(12);
  expect(looks.at(-1)).not.toContain(7);
  stateOf.clear();
});

it('gives up at the deadline, and goes on for who comes later', async () => {
  const lookout = lookOutForImages({ findImages });
  expect(await lookout.settled(1, 'medium', performance.now())).toBeUndefined();
  stateOf.set(2, 'missing');
  expect(await lookout.settled(2, 'full', soon())).toMatchObject({ pageId: 2, size: 'full' });
  stateOf.clear();
});

it('tells those who wait when it cannot look, and looks again for others', async () => {
  let isAway = true;
  const lookout = lookOutForImages({
    findImages: async (pageIds, size) => {
      if (isAway) throw new Error('the database is away');
      return pageIds.map((pageId) => ({ state: 'missing', pageId, size, detail: '' }));
    },
  });
  await expect(lookout.settled(1, 'medium', soon())).rejects.toThrow('away');
  isAway = false;
  looks = [];
  expect(await lookout.settled(1, 'medium', soon())).toMatchObject({ state: 'missing' });
});
