import type { EmbeddingShards } from '../clients/embedding-shards.client.ts';
import type { LocatedEmbedding } from '../domain/embedding.ts';
import type { EmbeddingRecord, EmbeddingsRepo } from '../repos/embeddings.repo.ts';

export interface ReadEmbeddingsDeps {
  embeddings: Pick<EmbeddingsRepo, 'findShards'>;
  shards: Pick<EmbeddingShards, 'readRows'>;
}

export interface ReadEmbedding {
  pageId: number;
  /** Half floats, little endian. */
  halves: Buffer;
}

export function locatedOf(records: readonly EmbeddingRecord[]): LocatedEmbedding[] {
  return records.flatMap(({ pageId, imageSha256, state, shardId, row }) =>
    state === 'embedded' && shardId !== null && row !== null ? [{ pageId, imageSha256, shardId, row }] : [],
  );
}

/** Reads embeddings shard by shard, `rowsMax` or a few more at a time; the order is that of the shards. */
export async function* readEmbeddings(
  { embeddings, shards }: ReadEmbeddingsDeps,
  located: readonly LocatedEmbedding[],
  rowsMax: number,
): AsyncGenerator<ReadEmbedding[]> {
  const byShard = Map.groupBy(located, ({ shardId }) => shardId);
  const known = await embeddings.findShards([...byShard.keys()]);
  let part: ReadEmbedding[] = [];
  for (const [shardId, rows] of [...byShard].sort(([a], [b]) => a - b)) {
    for (let from = 0; from < rows.length; from += rowsMax) {
      const some = rows.slice(from, from + rowsMax);
      const halves = await shards.readRows(known.get(shardId)!, some);
      part.push(...some.map(({ pageId }, index) => ({ pageId, halves: halves[index]! })));
      while (part.length >= rowsMax) {
        yield part.slice(0, rowsMax);
        part = part.slice(rowsMax);
      }
    }
  }
  if (part.length > 0) yield part;
}
