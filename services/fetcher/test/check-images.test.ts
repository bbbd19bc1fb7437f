import { rm, utimes, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, pageIdsFrom, startHarness } from './harness.ts';

let fetcher: Harness;
const ids = pageIdsFrom(100, 30);
beforeAll(async () => {
  fetcher = await startHarness();
  await fetcher.start({ role: 'worker' });
  await fetcher.endOf((await fetcher.startRun({ pageIds: ids })).id);
});
afterAll(() => fetcher?.close());

const size = 'IMAGE_SIZE_MEDIUM';
const stateOf = async (pageId: number) => (await fetcher.rpc.getImageStates({ pageIds: [pageId], size })).images[0]!;
async function fileOf(pageId: number): Promise<string> {
  const { sha256 } = await stateOf(pageId);
  return (await fetcher.storedFiles()).find((path) => path.includes(sha256))!;
}

it('finds and mends what table and store do not agree on: lost, damaged and unused files', async () => {
  expect(await fetcher.check({ mend: false, readBytes: true })).toMatchObject({
    images: 30,
    lost: 0,
    damaged: 0,
    unused: 0,
  });
  await rm(await fileOf(100));
  const flipped = await fetcher.source.imageOf(101);
  await writeFile(await fileOf(101), Buffer.from(flipped.map((byte, index) => (index === 40 ? byte ^ 1 : byte))));
  const folder = (await fileOf(102)).slice(0, -70);
  const unused = `${folder}/${'0'.repeat(63)}a.webp`;
  const young = `${folder}/${'0'.repeat(63)}b.webp`;
  await writeFile(unused, 'left by nobody');
  await utimes(unused, new Date(0), new Date(0));
  await writeFile(young, 'being stored');

  const quick = await fetcher.check({ mend: false, readBytes: false });
  expect(quick).toMatchObject({ lost: 1, damaged: 0, unused: 1, tooYoung: 1 });
  expect((await stateOf(100)).state).toBe('IMAGE_STATE_STORED');

  expect(await fetcher.check({ mend: true, readBytes: true })).toMatchObject({ lost: 1, damaged: 1, unused: 1 });
  expect(await stateOf(100)).toMatchObject({ state: 'IMAGE_STATE_CORRUPT', detail: 'its file was lost' });
  expect(await stateOf(101)).toMatchObject({ state: 'IMAGE_STATE_CORRUPT', detail: 'its file was damaged' });
  const files = await fetcher.storedFiles();
  expect([files.includes(unused), files.includes(young)]).toEqual([false, true]);

  const { id } = await fetcher.startRun({ pageIds: ids });
  expect(await fetcher.endOf(id)).toMatchObject({ storedCount: 30, fetchedCount: 2 });
  expect(await fetcher.check({ mend: false, readBytes: true })).toMatchObject({
    images: 30,
    lost: 0,
    damaged: 0,
    unused: 0,
  });
});
