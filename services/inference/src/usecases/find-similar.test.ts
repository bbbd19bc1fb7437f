import { toHalf } from '@florilegium/ensemble/arithmetic';
import { expect, it } from 'vitest';
import type { ShardPart } from '../domain/embedding.ts';
import { type FindSimilarDeps, findSimilar } from './find-similar.ts';

const rows = [
  [1, 0, 0],
  [0.9, 0.1, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** Four pages in one shard; a read of it waits for `gate`. */
function deps(backboneId: number, gate: () => Promise<void> = async () => {}): FindSimilarDeps {
  const shard = { id: 1, key: 'embeddings/1', rowCount: rows.length, dimensions: 3 };
  const pageIds = Int32Array.from(rows, (_, row) => row + 1);
  const partOf = (wanted: Int32Array): ShardPart => ({
    shard,
    pageIds: wanted,
    rows: wanted.map((pageId) => pageId - 1),
    imageSha256s: Buffer.alloc(0),
  });
  return {
    embeddings: {
      locatePages: async (_backbone, wanted) => [partOf(Int32Array.from(wanted))],
      listShards: async () => [shard],
      locateInShards: async () => [partOf(pageIds)],
      countEmbeddings: async () => ({ embedded: rows.length, pending: 0, failed: 0 }),
    },
    shards: {
      readSpans: async function* ([part]) {
        await gate();
        const bytes = new Uint8Array(Uint16Array.from(rows.flat(), toHalf).buffer);
        yield { bytes, starts: part!.rows.map((row) => row * 6), pageIds: part!.pageIds };
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
