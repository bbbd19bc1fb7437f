import { type Kysely, sql } from 'kysely';
import type { EmbeddingCounts, EmbeddingState, LocatedEmbedding, Shard } from '../domain/embedding.ts';
import type { Schema } from '../schema.ts';

export interface EmbeddingRecord {
  pageId: number;
  imageSha256: string;
  state: EmbeddingState;
  shardId: number | null;
  row: number | null;
}

export interface EmbeddingsRepo {
  findEmbeddings(backboneId: number, pageIds: readonly number[]): Promise<EmbeddingRecord[]>;
  /**
   * Marks images as to be embedded by a batch: those that are new, changed or back again. Returns their pages; the others are
   * embedded or in work already.
   */
  claimForBatch(
    backboneId: number,
    batchId: string,
    images: readonly { pageId: number; sha256: string }[],
  ): Promise<number[]>;
  insertBatch(batchId: string, backboneId: number): Promise<void>;
  findBatch(batchId: string): Promise<{ backboneId: number; backboneSha256: string } | undefined>;
  /** What the batch still has to do, in ascending PageID. */
  findPendingOfBatch(batchId: string): Promise<{ pageId: number; imageSha256: string }[]>;
  deleteBatch(batchId: string): Promise<void>;
  insertShard(shard: { backboneId: number; key: string; rowCount: number; bytes: number }): Promise<number>;
  /** Rows of the shard, in order, become the pages' embeddings, where the batch still holds them. */
  placeInShard(
    batchId: string,
    shardId: number,
    rows: readonly { pageId: number; imageSha256: string }[],
  ): Promise<void>;
  markFailed(
    batchId: string,
    state: 'corrupt' | 'gone',
    pages: readonly { pageId: number; reason: string }[],
  ): Promise<void>;
  /** Forgets what the batch has not done: whoever needs those pages asks for them again. */
  releasePending(batchId: string): Promise<void>;
  findShards(ids: readonly number[]): Promise<Map<number, Shard>>;
  /** Shards of a backbone in the order of their ids. */
  listShards(backboneId: number, afterId: number, limit: number): Promise<Shard[]>;
  /** Current embeddings of a shard, in row order. */
  findEmbeddingsOfShard(shardId: number): Promise<LocatedEmbedding[]>;
  countEmbeddings(backboneId: number): Promise<EmbeddingCounts>;
}

export function embeddingsRepo(kysely: Kysely<Schema>): EmbeddingsRepo {
  const shardColumns = ['shard.id', 'shard.key', 'shard.row_count as rowCount', 'backbone.dimensions'] as const;
  const shards = () =>
    kysely.selectFrom('shard').innerJoin('backbone', 'backbone.id', 'shard.backbone_id').select(shardColumns);
  return {
    findEmbeddings: async (backboneId, pageIds) =>
      await kysely
        .selectFrom('embedding')
        .select(['page_id as pageId', 'image_sha256 as imageSha256', 'state', 'shard_id as shardId', 'row'])
        .where('backbone_id', '=', backboneId)
        .where('page_id', '=', sql<number>`any(${pageIds}::int[])`)
        .execute(),
    claimForBatch: async (backboneId, batchId, images) => {
      const { rows } = await sql<{ pageId: number }>`
        insert into embedding (backbone_id, page_id, image_sha256, state, batch_id)
        select ${backboneId}::smallint, page_id, sha256, 'pending', ${batchId}::uuid
        from unnest(${images.map(({ pageId }) => pageId)}::int[], ${images.map(({ sha256 }) => sha256)}::text[]) as image (page_id, sha256)
        order by page_id
        on conflict (backbone_id, page_id) do update
          set image_sha256 = excluded.image_sha256, state = 'pending', batch_id = excluded.batch_id, shard_id = null, row = null, reason = null
          where embedding.image_sha256 <> excluded.image_sha256 or embedding.state = 'gone'
        returning page_id as "pageId"`.execute(kysely);
      return rows.map(({ pageId }) => pageId);
    },
    insertBatch: async (batchId, backboneId) => {
      await kysely.insertInto('embedding_batch').values({ id: batchId, backbone_id: backboneId }).execute();
    },
    findBatch: async (batchId) =>
      await kysely
        .selectFrom('embedding_batch')
        .innerJoin('backbone', 'backbone.id', 'embedding_batch.backbone_id')
        .select(['backbone.id as backboneId', 'backbone.sha256 as backboneSha256'])
        .where('embedding_batch.id', '=', batchId)
        .executeTakeFirst(),
    findPendingOfBatch: async (batchId) =>
      await kysely
        .selectFrom('embedding')
        .select(['page_id as pageId', 'image_sha256 as imageSha256'])
        .where('batch_id', '=', batchId)
        .where('state', '=', 'pending')
        .orderBy('page_id')
        .execute(),
    deleteBatch: async (batchId) => {
      await kysely.deleteFrom('embedding_batch').where('id', '=', batchId).execute();
    },
    insertShard: async ({ backboneId, key, rowCount, bytes }) => {
      // The key is the content's hash: the same bytes once more are the same shard.
      const { rows } = await sql<{ id: number }>`
        insert into shard (backbone_id, key, row_count, bytes) values (${backboneId}, ${key}, ${rowCount}, ${bytes})
        on conflict (key) do update set bytes = excluded.bytes returning id`.execute(kysely);
      return rows[0]!.id;
    },
    placeInShard: async (batchId, shardId, rows) => {
      await sql`
        update embedding set state = 'embedded', shard_id = ${shardId}, row = placed.ordinality - 1, image_sha256 = placed.sha256, batch_id = null
        from unnest(${rows.map(({ pageId }) => pageId)}::int[], ${rows.map(({ imageSha256 }) => imageSha256)}::text[])
          with ordinality as placed (page_id, sha256, ordinality)
        where batch_id = ${batchId} and state = 'pending' and embedding.page_id = placed.page_id`.execute(kysely);
    },
    markFailed: async (batchId, state, pages) => {
      await sql`
        update embedding set state = ${state}, reason = failed.reason, batch_id = null
        from unnest(${pages.map(({ pageId }) => pageId)}::int[], ${pages.map(({ reason }) => reason)}::text[]) as failed (page_id, reason)
        where batch_id = ${batchId} and state = 'pending' and embedding.page_id = failed.page_id`.execute(kysely);
    },
    releasePending: async (batchId) => {
      await kysely.deleteFrom('embedding').where('batch_id', '=', batchId).where('state', '=', 'pending').execute();
    },
    findShards: async (ids) => {
      const rows = await shards().where('shard.id', '=', sql<number>`any(${ids}::bigint[])`).execute();
      return new Map(rows.map((shard) => [shard.id, shard]));
    },
    listShards: async (backboneId, afterId, limit) =>
      await shards()
        .where('shard.backbone_id', '=', backboneId)
        .where('shard.id', '>', afterId)
        .orderBy('shard.id')
        .limit(limit)
        .execute(),
    findEmbeddingsOfShard: async (shardId) => {
      const rows = await kysely
        .selectFrom('embedding')
        .select(['page_id as pageId', 'image_sha256 as imageSha256', 'row'])
        .where('shard_id', '=', shardId)
        .orderBy('row')
        .execute();
      return rows.map((found) => ({ ...found, row: found.row!, shardId }));
    },
    countEmbeddings: async (backboneId) => {
      const rows = await kysely
        .selectFrom('embedding')
        .select(['state', (expression) => expression.fn.countAll<number>().as('count')])
        .where('backbone_id', '=', backboneId)
        .groupBy('state')
        .execute();
      const counts = { embedded: 0, pending: 0, failed: 0 };
      for (const { state, count } of rows)
        counts[state === 'embedded' || state === 'pending' ? state : 'failed'] += Number(count);
      return counts;
    },
  };
}
