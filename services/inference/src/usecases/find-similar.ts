import { halfValues, readHalfFloats } from '@florilegium/ensemble/arithmetic';
import { notFound } from '@florilegium/errors';
import type { EmbeddingShards } from '../clients/embedding-shards.client.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { EmbeddingsRepo } from '../repos/embeddings.repo.ts';
import { locatedOf } from './read-embeddings.ts';

export interface FindSimilarDeps {
  embeddings: Pick<
    EmbeddingsRepo,
    'findEmbeddings' | 'findShards' | 'listShards' | 'findEmbeddingsOfShard' | 'countEmbeddings'
  >;
  shards: Pick<EmbeddingShards, 'readRows'>;
  backbone: RecordedBackbone;
}

export interface SimilarPage {
  pageId: number;
  /** Cosine of the two embeddings, each less the mean of all and divided by the deviation, dimension by dimension. */
  similarity: number;
}

/**
 * The nearest pages by embedding: exact, over every embedded page, one shard in memory at a time. Two pages at random are far from
 * orthogonal, so the mean is taken out; and the scales of backbone and statistics differ, so each dimension is divided by its deviation.
 * @throws not_found when the page is not embedded
 */
export async function findSimilar(
  deps: FindSimilarDeps,
  { pageId, limit, signal }: { pageId: number; limit: number; signal: AbortSignal },
): Promise<SimilarPage[]> {
  const { embeddings, shards, backbone } = deps;
  const [own] = locatedOf(await embeddings.findEmbeddings(backbone.id, [pageId]));
  if (!own) throw notFound('the embedding of page', pageId);
  const { mean, scale } = await momentsOf(deps, signal);
  const shard = (await embeddings.findShards([own.shardId])).get(own.shardId)!;
  const wanted = new Float32Array(backbone.dimensions);
  readHalfFloats((await shards.readRows(shard, [own]))[0]!, wanted);
  for (let at = 0; at < wanted.length; at++) wanted[at] = (wanted[at]! - mean[at]!) * scale[at]!;
  const length = lengthOf(wanted);
  const nearest: SimilarPage[] = [];
  await eachEmbedding(deps, signal, (other, halves) => {
    if (other === pageId) return;
    // One pass a page: its product with the wanted one and its own length.
    let product = 0;
    let square = 0;
    for (let at = 0, from = 0; at < wanted.length; at++, from += 2) {
      const value = (halfValues[halves[from]! | (halves[from + 1]! << 8)]! - mean[at]!) * scale[at]!;
      product += value * wanted[at]!;
      square += value * value;
    }
    const similarity = product / (length * Math.sqrt(square) || 1);
    if (nearest.length === limit && similarity <= nearest.at(-1)!.similarity) return;
    let place = nearest.length;
    while (place > 0 && nearest[place - 1]!.similarity < similarity) place--;
    nearest.splice(place, 0, { pageId: other, similarity });
    if (nearest.length > limit) nearest.pop();
  });
  return nearest;
}

function lengthOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

interface Moments {
  mean: Float64Array;
  /** One over the deviation. */
  scale: Float64Array;
}

const remembered = new Map<number, { embedded: number; moments: Promise<Moments> }>();

const MEASURE_MS_MAX = 10 * 60_000;

/**
 * Of all embeddings; taken anew once their number has grown by a tenth. Callers share a measurement that outlives each of them: one who
 * leaves must not take it from the others.
 */
async function momentsOf(deps: FindSimilarDeps, signal: AbortSignal): Promise<Moments> {
  const { embedded } = await deps.embeddings.countEmbeddings(deps.backbone.id);
  const known = remembered.get(deps.backbone.id);
  if (known && embedded <= known.embedded * 1.1) return await unlessAborted(known.moments, signal);
  const moments = measureMoments(deps, AbortSignal.timeout(MEASURE_MS_MAX));
  const entry = { embedded, moments };
  remembered.set(deps.backbone.id, entry);
  moments.catch(() => {
    if (remembered.get(deps.backbone.id) === entry) remembered.delete(deps.backbone.id);
  });
  return await unlessAborted(moments, signal);
}

async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function measureMoments(deps: FindSimilarDeps, signal: AbortSignal): Promise<Moments> {
  const { dimensions } = deps.backbone;
  const sum = new Float64Array(dimensions);
  const squares = new Float64Array(dimensions);
  let count = 0;
  const row = new Float32Array(dimensions);
  await eachEmbedding(deps, signal, (_pageId, halves) => {
    count++;
    readHalfFloats(halves, row);
    for (let at = 0; at < dimensions; at++) {
      sum[at]! += row[at]!;
      squares[at]! += row[at]! * row[at]!;
    }
  });
  const mean = sum.map((value) => value / count);
  const variance = squares.map((value, at) => Math.max(0, value / count - mean[at]! ** 2));
  // Floored as in training, at a tenth of the dimensions' root mean square: a dimension that hardly moves must not decide.
  const floor = 0.01 * (variance.reduce((total, value) => total + value, 0) / dimensions) || 1;
  return { mean, scale: variance.map((value) => 1 / Math.sqrt(value + floor)) };
}

const SHARDS_MAX = 100;

async function eachEmbedding(
  { embeddings, shards, backbone }: FindSimilarDeps,
  signal: AbortSignal,
  visit: (pageId: number, halves: Buffer) => void,
): Promise<void> {
  for (let after = 0; ; ) {
    const some = await embeddings.listShards(backbone.id, after, SHARDS_MAX);
    for (const shard of some) {
      signal.throwIfAborted();
      const located = await embeddings.findEmbeddingsOfShard(shard.id);
      const halves = await shards.readRows(shard, located);
      for (const [index, { pageId }] of located.entries()) {
        visit(pageId, halves[index]!);
      }
    }
    if (some.length < SHARDS_MAX) return;
    after = some.at(-1)!.id;
  }
}
