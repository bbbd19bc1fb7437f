import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { EmbeddingCounts, EmbeddingState, Shard, ShardPart } from '../domain/embedding.ts';
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
  /** Where the pages' embeddings lie, shard by shard in the order of their ids; pages without one are left out. */
  locatePages(backboneId: number, pageIds: readonly number[]): Promise<ShardPart[]>;
  /** As `locatePages`, of the pages of a prediction batch: thousands of numbers that need not travel to the database. */
  locateBatch(backboneId: number, runId: string, number: number): Promise<ShardPart[]>;
  /** The current embeddings of shards; a shard that has none is left out. */
  locateInShards(shardIds: readonly number[]): Promise<ShardPart[]>;
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
    locatePages: async (backboneId, pageIds) =>
      await shardParts(
        kysely,
        sql`embedding.backbone_id = ${backboneId} and embedding.page_id = any(${pageIds}::int[]) and embedding.state = 'embedded'`,
      ),
    locateBatch: async (backboneId, runId, number) =>
      await shardParts(
        kysely,
        sql`embedding.backbone_id = ${backboneId} and embedding.state = 'embedded' and embedding.page_id = any(
          (select page_ids from prediction_batch where run_id = ${runId} and number = ${number})::int[])`,
      ),
    locateInShards: async (shardIds) => await shardParts(kysely, sql`embedding.shard_id = any(${shardIds}::bigint[])`),
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

/** One row a shard and its embeddings packed: a row each, read as text and made an object, would cost more than to predict the page. */
async function shardParts(kysely: Kysely<Schema>, condition: RawBuilder<unknown>): Promise<ShardPart[]> {
  const { rows } = await sql<Shard & { packed: Buffer }>`
    select shard.id, shard.key, shard.row_count as "rowCount", backbone.dimensions, located.packed
    from (
      select shard_id, string_agg(int4send(page_id) || int4send(row) || decode(image_sha256, 'hex'), ''::bytea order by row) as packed
      from embedding where ${condition} group by shard_id
    ) as located
    join shard on shard.id = located.shard_id
    join backbone on backbone.id = shard.backbone_id
    order by shard.id`.execute(kysely);
  return rows.map(({ packed, ...shard }) => unpack(shard, packed));
}

const PACKED_BYTES = 4 + 4 + 32;

function unpack(shard: Shard, packed: Buffer): ShardPart {
  const count = packed.length / PACKED_BYTES;
  const part = {
    shard,
    pageIds: new Int32Array(count),
    rows: new Int32Array(count),
    imageSha256s: Buffer.allocUnsafe(count * 32),
  };
  for (let index = 0, at = 0; index < count; index++, at += PACKED_BYTES) {
    part.pageIds[index] = packed.readInt32BE(at);
    part.rows[index] = packed.readInt32BE(at + 4);
    packed.copy(part.imageSha256s, index * 32, at + 8, at + PACKED_BYTES);
  }
  return part;
}
