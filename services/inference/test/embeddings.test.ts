import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeShardIndex } from '../src/embedding/shard.ts';
import { classic, type Harness, range, startHarness, until } from './harness.ts';
import { anImage } from './neighbours.ts';

let harness: Harness;
let worker: { stop(): Promise<void> };
beforeAll(async () => {
  harness = await startHarness('embeddings');
  worker = await harness.start({ role: 'worker' });
});
afterAll(() => harness?.close());

describe('embeddings', () => {
  it('are made of every stored image, once however often it is announced', async () => {
    const pageIds = range(1, 30);
    await harness.store(pageIds);
    await harness.announce(pageIds);
    await harness.announce(pageIds.slice(10));
    await harness.embedded(30);
    await sleep(300);
    expect(await harness.counts()).toEqual({ embedded: 30, pending: 0, failed: 0 });
    const shards = [];
    for await (const { key } of harness.objects.list(`embeddings/${classic.sha256}/`)) shards.push(key);
    expect(shards).toHaveLength(1);
    const index = decodeShardIndex(await harness.objects.get(shards[0]!), shards[0]!);
    expect(index).toMatchObject({ recipeSha256: classic.sha256, dimensions: classic.dimensions });
    expect(index.rows.map(({ pageId }) => pageId)).toEqual(pageIds);
  });

  it('stream in any number, and the same pages give the same values', async () => {
    const found = await harness.embeddingsOf([30, 2, 7]);
    expect([...found.values.keys()].sort((a, b) => a - b)).toEqual([2, 7, 30]);
    expect(found.values.get(2)!.length).toBe(classic.dimensions * 2);
    expect((await harness.embeddingsOf([7])).values.get(7)).toEqual(found.values.get(7));
    expect(found.values.get(2)).not.toEqual(found.values.get(7));
  });

  it('are made again of an image with another hash', async () => {
    const before = (await harness.embeddingsOf([5])).values.get(5)!;
    await harness.store([5], 1);
    await until(async () => {
      const now = (await harness.embeddingsOf([5])).values.get(5);
      return now !== undefined && !now.equals(before);
    });
  });

  it('name a corrupt image to the fetcher and stop at nothing', async () => {
    harness.fetcher.images.set(101, anImage(Buffer.from('<html>not here</html>')));
    await harness.store([100, 102]);
    await harness.announce([100, 101, 102]);
    await until(async () => (await harness.counts()).failed === 1);
    await until(async () => (await harness.counts()).pending === 0);
    expect(harness.fetcher.reports).toEqual([
      expect.objectContaining({
        pageId: 101,
        size: 'IMAGE_SIZE_MEDIUM',
        reason: expect.stringMatching(/unsupported image format/),
      }),
    ]);
    const found = await harness.embeddingsOf([100, 101, 102]);
    expect(found).toMatchObject({ pending: [], unavailable: [101] });
    expect(found.values.size).toBe(2);
  });

  it('that are missing are put to work by whoever asks, and told apart from those that never come', async () => {
    const known = harness.fetcher.images;
    await harness.store([200]);
    await harness.embedded(34);
    known.set(201, known.get(200)!);
    known.set(202, 'IMAGE_STATE_PENDING');
    known.set(203, 'IMAGE_STATE_MISSING');
    let release = () => {};
    harness.fetcher.pace = () => new Promise<void>((resolve) => (release = resolve));
    const asked = await harness.embeddingsOf([200, 201, 202, 203, 204]);
    expect([...asked.values.keys()]).toEqual([200]);
    expect(asked.pending.sort()).toEqual([201, 202]);
    expect(asked.unavailable.sort()).toEqual([203, 204]);
    harness.fetcher.pace = async () => {};
    await until(async () => {
      release();
      return (await harness.embeddingsOf([201])).values.has(201);
    });
  });

  it('come back when an image that was gone is there again', async () => {
    const image = harness.fetcher.images.get(1)!;
    harness.fetcher.images.set(300, image);
    harness.fetcher.pace = async () => {
      harness.fetcher.images.delete(300);
    };
    await harness.announce([300]);
    await until(async () => (await harness.counts()).failed === 2);
    harness.fetcher.pace = async () => {};
    expect((await harness.embeddingsOf([300])).unavailable).toEqual([300]);
    harness.fetcher.images.set(300, image);
    await harness.announce([300]);
    await until(async () => (await harness.embeddingsOf([300])).values.has(300));
  });

  it('are kept apart by backbone', async () => {
    const ask = async (backboneSha256: string) => {
      for await (const _ of harness.rpc.streamEmbeddings({ pageIds: [1], backboneSha256 })) break;
    };
    await expect(ask('ff'.repeat(32))).rejects.toMatchObject({ code: 'not_found' });
    await expect(ask(classic.sha256)).resolves.toBeUndefined();
    const { backbone } = await harness.rpc.getBackbone({});
    expect(backbone).toEqual({
      name: 'classic',
      sha256: classic.sha256,
      dimensions: classic.dimensions,
      note: 'classic is configured',
    });
    expect(await (await harness.get('/v1/predictions/backbone')).json()).toEqual(backbone);
  });

  it('survive a worker that is killed in the middle', async () => {
    await worker.stop();
    const pageIds = range(1000, 60);
    harness.fetcher.pace = () => sleep(20);
    const child = harness.spawnService({ ROLE: 'worker' });
    await harness.store(pageIds.slice(0, 30));
    await harness.store(pageIds.slice(30));
    let images = 0;
    harness.fetcher.pace = async () => {
      images += 1;
      await sleep(20);
    };
    await until(() => images > 10, 30_000);
    child.kill('SIGKILL');
    harness.fetcher.pace = async () => {};
    worker = await harness.start({ role: 'worker' });
    await until(async () => (await harness.embeddingsOf(pageIds)).values.size === 60, 60_000);
    expect((await harness.counts()).pending).toBe(0);
  }, 100_000);
});
