import { toHalf } from '@florilegium/ensemble/arithmetic';
import { expect, it } from 'vitest';
import type { ShardPart } from '../domain/embedding.ts';
import { createTurns } from '../domain/turns.ts';
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
    turns: createTurns({ inFlightMax: 2, waitingMax: 0, refusal: 'too many searches' }),
  };
}

it('finds the nearest page first, never the page itself', async () => {
  const found = await findSimilar(deps(901), { pageId: 1, countMax: 2, signal: new AbortController().signal });
  expect(found.map(({ pageId }) => pageId)[0]).toBe(2);
  expect(found).toHaveLength(2);
  expect(found[0]!.similarity).toBeGreaterThan(found[1]!.similarity);
});

it('goes on measuring for the others when the caller who began leaves', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = deps(902, () => promise);
  const leaving = new AbortController();
  const first = findSimilar(slow, { pageId: 1, countMax: 1, signal: leaving.signal });
  const second = findSimilar(slow, { pageId: 1, countMax: 1, signal: new AbortController().signal });
  await new Promise((done) => setTimeout(done, 20));
  leaving.abort();
  await expect(first).rejects.toThrow();
  resolve();
  expect(await second).toMatchObject([{ pageId: 2 }]);
});

it('looks at the given pages only, and reads no row of another once the moments are known', async () => {
  const signal = new AbortController().signal;
  const given = deps(903);
  const all = await findSimilar(given, { pageId: 1, countMax: 4, signal });
  const read: number[] = [];
  const watched: FindSimilarDeps = {
    ...given,
    shards: {
      readSpans: (parts) => {
        read.push(...parts.flatMap(({ pageIds }) => [...pageIds]));
        return given.shards.readSpans(parts);
      },
    },
  };
  const within = await findSimilar(watched, { pageId: 1, countMax: 4, withinPageIds: [1, 3, 4], signal });
  expect(within).toEqual(all.filter(({ pageId }) => pageId !== 2));
  expect(read).toEqual([1, 1, 3, 4]);
  expect(await findSimilar(given, { pageId: 1, countMax: 4, withinPageIds: [], signal })).toEqual([]);
});

it('refuses a search too many', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = deps(904, () => promise);
  const ask = () => findSimilar(slow, { pageId: 1, countMax: 1, signal: new AbortController().signal });
  const going = [ask(), ask()];
  await expect(ask()).rejects.toMatchObject({ code: 'resource_exhausted' });
  resolve();
  await Promise.all(going);
  expect(await ask()).toHaveLength(1);
});
