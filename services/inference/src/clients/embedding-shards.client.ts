import type { ObjectStore } from '@florilegium/object-store';
import type { LocatedEmbedding, Shard } from '../domain/embedding.ts';
import { checkedRow, type EmbeddingRow, encodeShard, rowRange } from '../embedding/shard.ts';

export interface EmbeddingShards {
  /** Stores rows as one shard, named by its content under the recipe's hash. */
  put(
    recipe: { sha256: string; dimensions: number },
    rows: readonly EmbeddingRow[],
  ): Promise<{ key: string; bytes: number }>;
  /** The half floats of some rows of a shard, each checked against what it should hold, in the order asked. */
  readRows(shard: Shard, rows: readonly LocatedEmbedding[]): Promise<Buffer[]>;
}

/** Rows nearer than this are read in one go: a request costs more than the bytes between. */
const GAP_BYTES_MAX = 64 << 10;

export function embeddingShards(objects: ObjectStore): EmbeddingShards {
  return {
    put: async ({ sha256, dimensions }, rows) =>
      await objects.putContent(`embeddings/${sha256}`, 'shard', encodeShard(sha256, dimensions, rows)),
    readRows: async (shard, rows) => {
      const order = rows.map((row, index) => ({ ...row, index })).sort((a, b) => a.row - b.row);
      const results = new Array<Buffer>(rows.length);
      for (let from = 0; from < order.length; ) {
        const { start } = rowRange(shard, order[from]!.row);
        let to = from;
        let end = start;
        for (; to < order.length; to++) {
          const next = rowRange(shard, order[to]!.row);
          if (next.start - end > GAP_BYTES_MAX) break;
          end = next.start + next.bytes;
        }
        const bytes = await objects.get(shard.key, { range: { start, bytes: end - start } });
        for (const located of order.slice(from, to)) {
          const range = rowRange(shard, located.row);
          const at = range.start - start;
          results[located.index] = checkedRow(bytes.subarray(at, at + range.bytes), located, shard.key);
        }
        from = to;
      }
      return results;
    },
  };
}
