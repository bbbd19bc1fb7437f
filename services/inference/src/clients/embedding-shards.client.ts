import type { HalfRows } from '@florilegium/ensemble/half-rows';
import type { ObjectStore } from '@florilegium/object-store';
import type { LocatedEmbedding, Shard, ShardPart } from '../domain/embedding.ts';
import { checkedRow, checkedStarts, type EmbeddingRow, encodeShard, rowRange } from '../embedding/shard.ts';

/** Rows of a shard, checked, where they lie in one read of it. */
export interface ShardSpan extends HalfRows {
  pageIds: Int32Array;
}

export interface EmbeddingShards {
  /** Stores rows as one shard, named by its content under the recipe's hash. */
  put(
    recipe: { sha256: string; dimensions: number },
    rows: readonly EmbeddingRow[],
  ): Promise<{ key: string; bytes: number }>;
  /** The half floats of some rows of a shard, each checked against what it should hold, in the order asked. */
  readRows(shard: Shard, rows: readonly LocatedEmbedding[]): Promise<Buffer[]>;
  /** The rows of parts, each checked, in few long reads into one buffer: what is given stays as it is until the next is asked for. */
  readSpans(parts: readonly ShardPart[]): AsyncIterable<ShardSpan>;
}

/** Rows nearer than this are read in one go: a request costs more than the bytes between. */
const GAP_BYTES_MAX = 64 << 10;
/** A longer read would hold the thread, while it is checked, for more than some milliseconds. */
const SPAN_BYTES_MAX = 2 << 20;

export function embeddingShards(objects: ObjectStore): EmbeddingShards {
  return {
    put: async ({ sha256, dimensions }, rows) =>
      await objects.putContent(`embeddings/${sha256}`, 'shard', encodeShard(sha256, dimensions, rows)),
    readRows: async (shard, rows) => {
      const order = rows.map((row, index) => ({ ...row, index })).sort((a, b) => a.row - b.row);
      const results = new Array<Buffer>(rows.length);
      const spans = spansOf(
        shard,
        order.map(({ row }) => row),
      );
      for (const { from, to, start, bytes } of spans) {
        const span = await objects.get(shard.key, { range: { start, bytes } });
        for (const located of order.slice(from, to)) {
          const range = rowRange(shard, located.row);
          const at = range.start - start;
          results[located.index] = checkedRow(span.subarray(at, at + range.bytes), located, shard.key);
        }
      }
      return results;
    },
    readSpans: async function* (parts) {
      let into = Buffer.alloc(0);
      for (const { shard, pageIds, rows, imageSha256s } of parts) {
        for (const { from, to, start, bytes } of spansOf(shard, rows)) {
          if (into.length < bytes) into = Buffer.allocUnsafeSlow(bytes);
          const span = await objects.get(shard.key, { range: { start, bytes }, into });
          const part = {
            shard,
            pageIds: pageIds.subarray(from, to),
            rows: rows.subarray(from, to),
            imageSha256s: imageSha256s.subarray(from * 32, to * 32),
          };
          yield { bytes: span, starts: checkedStarts(span, start, part), pageIds: part.pageIds };
        }
      }
    },
  };
}

/** Cuts ascending rows into runs that are read at once, `from` to before `to` of them. */
function* spansOf(shard: Shard, rows: ArrayLike<number>) {
  for (let from = 0; from < rows.length; ) {
    const { start } = rowRange(shard, rows[from]!);
    let to = from;
    let end = start;
    for (; to < rows.length; to++) {
      const next = rowRange(shard, rows[to]!);
      const nextEnd = next.start + next.bytes;
      if (next.start - end > GAP_BYTES_MAX || (to > from && nextEnd - start > SPAN_BYTES_MAX)) break;
      end = nextEnd;
    }
    yield { from, to, start, bytes: end - start };
    from = to;
  }
}
