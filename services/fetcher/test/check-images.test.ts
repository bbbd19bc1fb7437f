import { contentKey } from '@florilegium/object-store';
import { hasTestS3, startTestS3, type TestS3 } from '@florilegium/object-store/test-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Harness, pageIdsFrom, startHarness } from './harness.ts';

const ids = pageIdsFrom(100, 30);
const size = 'IMAGE_SIZE_MEDIUM';
let fetcher: Harness;

describe('in a folder', () => {
  beforeAll(async () => {
    fetcher = await startHarness();
  });
  afterAll(() => fetcher?.close());
  mendsBothWays();
});

const hasS3 = hasTestS3();
describe.skipIf(!hasS3)(
  hasS3 ? 'in S3 (moto)' : 'in S3: not run, moto_server (PyPI: moto[server]) is not installed',
  () => {
    let s3: TestS3;
    beforeAll(async () => {
      s3 = await startTestS3();
      fetcher = await startHarness({ OBJECT_STORE: await s3.addBucket('plates', 'fetcher') });
    });
    afterAll(async () => {
      await fetcher?.close();
      s3?.stop();
    });
    mendsBothWays();
  },
);

async function stateOf(pageId: number) {
  return (await fetcher.rpc.getImageStates({ pageIds: [pageId], size })).images[0]!;
}
const keyOf = async (pageId: number) => contentKey('images', (await stateOf(pageId)).sha256, 'webp');

function mendsBothWays(): void {
  it('finds and mends what table and store do not agree on: lost, damaged and unused files', async () => {
    await fetcher.start({ role: 'worker' });
    expect(await fetcher.endOf((await fetcher.startRun({ pageIds: ids })).id)).toMatchObject({ fetchedCount: 30 });
    const whole = { images: 30, lost: 0, damaged: 0, unused: 0 };
    expect(await fetcher.check({ mend: false, readBytes: true })).toMatchObject(whole);

    const { objects } = fetcher;
    await objects.delete(await keyOf(100));
    const flipped = await fetcher.source.imageOf(101);
    await objects.put(await keyOf(101), Buffer.from(flipped.map((byte, at) => (at === 40 ? byte ^ 1 : byte))));
    const unused = `images/00/${'0'.repeat(63)}a.webp`;
    await objects.put(unused, Buffer.from('left by nobody'));

    expect(await fetcher.checkCommand('--read-bytes')).toBe(1);
    // It may belong to an image that is just being stored.
    expect(await fetcher.check({ mend: true, readBytes: false })).toMatchObject({ lost: 1, unused: 0, tooYoung: 1 });
    expect(await objects.head(unused)).toBeDefined();
    expect(await stateOf(100)).toMatchObject({ state: 'IMAGE_STATE_CORRUPT', detail: 'its file was lost' });

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 3_600_000 });
    try {
      const found = { lost: 0, damaged: 1, unused: 1, tooYoung: 0 };
      expect(await fetcher.check({ mend: false, readBytes: true })).toMatchObject(found);
      expect((await stateOf(101)).state).toBe('IMAGE_STATE_STORED');
      expect(await fetcher.check({ mend: true, readBytes: true })).toMatchObject(found);
    } finally {
      vi.useRealTimers();
    }
    expect(await stateOf(101)).toMatchObject({ state: 'IMAGE_STATE_CORRUPT', detail: 'its file was damaged' });
    expect(await objects.head(unused)).toBeUndefined();

    const { id } = await fetcher.startRun({ pageIds: ids });
    expect(await fetcher.endOf(id)).toMatchObject({ storedCount: 30, fetchedCount: 2 });
    expect(await fetcher.check({ mend: false, readBytes: true })).toMatchObject({ ...whole, files: 30 });
    expect(await fetcher.checkCommand('--read-bytes')).toBe(0);
    for (const pageId of [100, 101, 129]) {
      const response = await fetcher.get(`/v1/images/${pageId}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(await fetcher.source.imageOf(pageId))).toBe(true);
    }
  }, 60_000);
}
