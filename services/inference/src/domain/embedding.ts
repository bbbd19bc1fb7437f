/**
 * States of a page's embedding by one backbone, always of one image (by its sha256), and the moves between them:
 *
 *     pending --> embedded     it stands in a shard
 *        |  \---> corrupt      the image cannot be decoded
 *        \------> gone         the fetcher has that image no more
 *
 * An image with another sha256 makes any of them pending again; `gone` also by the same image coming back.
 */
export const embeddingStates = ['pending', 'embedded', 'corrupt', 'gone'] as const;
export type EmbeddingState = (typeof embeddingStates)[number];

/** Where an embedding lies, and what its row must hold. */
export interface LocatedEmbedding {
  pageId: number;
  imageSha256: string;
  shardId: number;
  row: number;
}

/** Embeddings that lie in one shard, in row order, in columns. */
export interface ShardPart {
  shard: Shard;
  pageIds: Int32Array;
  rows: Int32Array;
  /** 32 bytes a page. */
  imageSha256s: Buffer;
}

export interface Shard {
  id: number;
  key: string;
  rowCount: number;
  dimensions: number;
}

/** What the fetcher knows of a page's image: stored, on its way, or not to be had. */
export type ImageKnowledge =
  | { pageId: number; kind: 'stored'; sha256: string }
  | { pageId: number; kind: 'awaited' }
  | { pageId: number; kind: 'none' };

export interface EmbeddingCounts {
  embedded: number;
  pending: number;
  /** Images that cannot be decoded or are gone. */
  failed: number;
}

/** Pages of one call or message. */
export const pageIdsMax = 500;
