import { toHalf } from '@florilegium/ensemble/arithmetic';
import { expect, it } from 'vitest';
import { type FindSimilarDeps, findSimilar } from './find-similar.ts';

const rows = [
  [1, 0, 0],
  [0.9, 0.1, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** Four pages in one shard; a read of it waits for `gate`. */
function deps(backboneId: number, gate: () => Promise<void> = async () => {}): FindSimilarDeps {
  const located = rows.map((_, row) => ({ pageId: row + 1, imageSha256: 'aa', shardId: 1, row }));
  const shard = { id: 1, key: 'embeddings/1', rowCount: rows.length, dimensions: 3 };
  return {
    embeddings: {
      findEmbeddings: async (_backbone, pageIds) =>
        located.filter(({ pageId }) => pageIds.includes(pageId)).map((row) => ({ ...row, state: 'embedded' as const })),
      findShards: async () => new Map([[1, shard]]),
      listShards: async () => [shard],
      findEmbeddingsOfShard: async () => located,
      countEmbeddings: async () => ({ embedded: rows.length, pending: 0, failed: 0 }),
    },
    shards: {
      readRows: async (_shard, wanted) => {
        await gate();
        return wanted.map(({ row }) => Buffer.from(Uint16Array.from(rows[row]!, toHalf).buffer));
      },
    },
    backbone: { id: backboneId, name: 'b', sha256: 'bb', dimensions: 3 },
  };
}

it('finds the nearest page first, never the page itself', async () => {
  const found = await findSimilar(deps(901), { pageId: 1, limit: 2, signal: new AbortController().signal });
  expect(found.map(({ pageId }) => pageId)[0]).toBe(2);
  expect(found).toHaveLength(2);
  expect(found[0]!.similarity).toBeGreaterThan(found[1]!.similarity);
});

it('goes on measuring for the others when the caller who began leaves', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = deps(902, () => promise);
  const leaving = new AbortController();
  const first = findSimilar(slow, { pageId: 1, limit: 1, signal: leaving.signal });
  const second = findSimilar(slow, { pageId: 1, limit: 1, signal: new AbortController().signal });
  await new Promise((done) => setTimeout(done, 20));
  leaving.abort();
  await expect(first).rejects.toThrow();
  resolve();
  expect(await second).toMatchObject([{ pageId: 2 }]);
});
