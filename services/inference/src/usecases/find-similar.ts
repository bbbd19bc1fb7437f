import { cosinesWith, momentsOfHalfRows, type Standardisation } from '@florilegium/ensemble/half-rows';
import { notFound } from '@florilegium/errors';
import type { EmbeddingShards, ShardSpan } from '../clients/embedding-shards.client.ts';
import type { ShardPart } from '../domain/embedding.ts';
import type { Turns } from '../domain/turns.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { EmbeddingsRepo } from '../repos/embeddings.repo.ts';

export interface FindSimilarDeps {
  embeddings: Pick<EmbeddingsRepo, 'locatePages' | 'listShards' | 'locateInShards' | 'countEmbeddings'>;
  shards: Pick<EmbeddingShards, 'readSpans'>;
  backbone: RecordedBackbone;
  /** A search over all pages reads hundreds of megabytes and holds a core: how many go on side by side. */
  turns: Turns;
}

export interface SimilarQuery {
  pageId: number;
  countMax: number;
  /** Only these pages are looked at, and only their rows are read; those that are not embedded are passed over. */
  withinPageIds?: readonly number[] | undefined;
  signal: AbortSignal;
}

export interface SimilarPage {
  pageId: number;
  /** Cosine of the two embeddings, each less the mean of all and divided by the deviation, dimension by dimension. */
  similarity: number;
}

/**
 * The nearest pages by embedding: exact, over every embedded page or the given ones, one shard in memory at a time. Two pages at random are
 * far from orthogonal, so the mean is taken out; and the scales of backbone and statistics differ, so each dimension is divided by its
 * deviation. Mean and deviation are those of every embedded page either way: a similarity means the same whatever was asked.
 * @throws not_found when the page is not embedded; resource_exhausted when too many searches wait already
 */
export async function findSimilar(deps: FindSimilarDeps, query: SimilarQuery): Promise<SimilarPage[]> {
  return await deps.turns.take(() => search(deps, query), query.signal);
}

async function search(
  deps: FindSimilarDeps,
  { pageId, countMax, withinPageIds, signal }: SimilarQuery,
): Promise<SimilarPage[]> {
  const { embeddings, shards, backbone } = deps;
  const [own] = await embeddings.locatePages(backbone.id, [pageId]);
  if (!own) throw notFound('the embedding of page', pageId);
  const moments = await momentsOf(deps, signal);
  let cosinesOf!: ReturnType<typeof cosinesWith>;
  for await (const wanted of shards.readSpans([own])) cosinesOf = cosinesWith(wanted, moments);
  const nearest: SimilarPage[] = [];
  const looked = withinPageIds ? [await embeddings.locatePages(backbone.id, withinPageIds)] : partsOfAll(deps);
  await eachSpan(deps, looked, signal, (span) => {
    for (const [index, similarity] of cosinesOf(span).entries()) {
      if (nearest.length === countMax && similarity <= nearest.at(-1)!.similarity) continue;
      const other = span.pageIds[index]!;
      if (other === pageId) continue;
      let place = nearest.length;
      while (place > 0 && nearest[place - 1]!.similarity < similarity) place--;
      nearest.splice(place, 0, { pageId: other, similarity });
      if (nearest.length > countMax) nearest.pop();
    }
  });
  return nearest;
}

const remembered = new Map<number, { embedded: number; moments: Promise<Standardisation> }>();

const MEASURE_MS_MAX = 10 * 60_000;

/**
 * Of all embeddings; taken anew once their number has grown by a tenth. Callers share a measurement that outlives each of them: one who
 * leaves must not take it from the others.
 */
async function momentsOf(deps: FindSimilarDeps, signal: AbortSignal): Promise<Standardisation> {
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

async function measureMoments(deps: FindSimilarDeps, signal: AbortSignal): Promise<Standardisation> {
  const { dimensions } = deps.backbone;
  const moments = momentsOfHalfRows(dimensions);
  await eachSpan(deps, partsOfAll(deps), signal, moments.add);
  const { count, sums, squares } = moments.read();
  const mean = sums.map((value) => value / count);
  const variance = squares.map((value, at) => Math.max(0, value / count - mean[at]! ** 2));
  // Floored as in training, at a tenth of the dimensions' root mean square: a dimension that hardly moves must not decide.
  const floor = 0.01 * (variance.reduce((total, value) => total + value, 0) / dimensions) || 1;
  return { mean, scale: variance.map((value) => 1 / Math.sqrt(value + floor)) };
}

/** Some thousand pages' places a query. */
const SHARDS_MAX = 20;

async function* partsOfAll({ embeddings, backbone }: FindSimilarDeps): AsyncGenerator<ShardPart[]> {
  for (let after = 0; ; ) {
    const some = await embeddings.listShards(backbone.id, after, SHARDS_MAX);
    yield await embeddings.locateInShards(some.map(({ id }) => id));
    if (some.length < SHARDS_MAX) return;
    after = some.at(-1)!.id;
  }
}

async function eachSpan(
  { shards }: FindSimilarDeps,
  looked: AsyncIterable<ShardPart[]> | Iterable<ShardPart[]>,
  signal: AbortSignal,
  visit: (span: ShardSpan) => void,
): Promise<void> {
  for await (const parts of looked) {
    for await (const span of shards.readSpans(parts)) {
      signal.throwIfAborted();
      visit(span);
    }
  }
}
