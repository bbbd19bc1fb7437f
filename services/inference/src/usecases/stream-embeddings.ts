import { invalidArgument, notFound } from '@florilegium/errors';
import { pageIdsMax } from '../domain/embedding.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { RootStore } from '../store.ts';
import { locatedOf, type ReadEmbedding, type ReadEmbeddingsDeps, readEmbeddings } from './read-embeddings.ts';
import { type RequestEmbeddingsDeps, requestEmbeddings } from './request-embeddings.ts';

export interface StreamEmbeddingsDeps extends RequestEmbeddingsDeps {
  store: Pick<RootStore, 'embeddings' | 'backbones' | 'inTransaction'>;
  shards: ReadEmbeddingsDeps['shards'];
}

export interface EmbeddingsPart {
  backbone: RecordedBackbone;
  embeddings: ReadEmbedding[];
  pendingPageIds: number[];
  unavailablePageIds: number[];
}

/**
 * Embeddings of pages, at most 500 a part, in any order. What is missing is put to work and named as pending, unless it can never come:
 * no image, an image that cannot be decoded, or another backbone than the one that serves.
 */
export async function* streamEmbeddings(
  deps: StreamEmbeddingsDeps,
  { pageIds, backboneSha256 }: { pageIds: readonly number[]; backboneSha256: string | undefined },
): AsyncGenerator<EmbeddingsPart> {
  const bad = pageIds.findIndex((id) => !Number.isInteger(id) || id < 1);
  if (bad >= 0) throw invalidArgument(`${pageIds[bad]} is no PageID`, { field: `pageIds[${bad}]` });
  const backbone = await findBackbone(deps, backboneSha256);
  for (let from = 0; from < pageIds.length; from += pageIdsMax) {
    const part = [...new Set(pageIds.slice(from, from + pageIdsMax))];
    const records = await deps.store.embeddings.findEmbeddings(backbone.id, part);
    const located = locatedOf(records);
    const inState = (state: string) => records.filter((record) => record.state === state).map(({ pageId }) => pageId);
    const settled = new Set([...located.map(({ pageId }) => pageId), ...inState('pending'), ...inState('corrupt')]);
    const missing = part.filter((pageId) => !settled.has(pageId));
    const requested =
      backbone.id !== deps.backbone.id
        ? { embeddable: [], awaited: [], unavailable: missing }
        : missing.length > 0
          ? await requestEmbeddings(deps, missing)
          : { embeddable: [], awaited: [], unavailable: [] };
    const readDeps = { embeddings: deps.store.embeddings, shards: deps.shards };
    for await (const embeddings of readEmbeddings(readDeps, located, pageIdsMax))
      yield { backbone, embeddings, pendingPageIds: [], unavailablePageIds: [] };
    const pendingPageIds = [...inState('pending'), ...requested.embeddable, ...requested.awaited];
    const unavailablePageIds = [...inState('corrupt'), ...requested.unavailable];
    if (pendingPageIds.length + unavailablePageIds.length > 0)
      yield { backbone, embeddings: [], pendingPageIds, unavailablePageIds };
  }
}

async function findBackbone(
  { store, backbone }: StreamEmbeddingsDeps,
  sha256: string | undefined,
): Promise<RecordedBackbone> {
  if (!sha256 || sha256 === backbone.sha256) return backbone;
  const found = await store.backbones.findBackbone(sha256);
  if (!found) throw notFound('backbone', sha256, { field: 'backboneSha256' });
  return found;
}
