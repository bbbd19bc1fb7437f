import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import type { EmbeddingShards } from '../clients/embedding-shards.client.ts';
import { createTurns } from '../domain/turns.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { RootStore } from '../store.ts';
import { findSimilar, type SimilarQuery } from '../usecases/find-similar.ts';
import { listPredictions } from '../usecases/list-predictions.ts';
import type { TriageClass } from '../usecases/prediction-query.ts';

export interface PredictionsRestDeps {
  store: RootStore;
  shards: EmbeddingShards;
  backbone: RecordedBackbone;
  /** Why the default backbone is not the one that serves. */
  backboneNote: string;
}

const probability = Type.Number({ minimum: 0, maximum: 1 });
const entropy = Type.Number({ minimum: 0, maximum: 1, description: 'In nats, at most ln 2' });
const pageId = Type.Integer({ minimum: 1, maximum: 2_147_483_647 });

export function addPredictionRoutes(
  app: HttpApp,
  { store, shards, backbone, backboneNote }: PredictionsRestDeps,
): void {
  app.get(
    '/v1/predictions',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Predictions of a run that is done, in ascending PageID',
        querystring: Type.Object({
          runId: Type.String(),
          after: Type.Integer({ minimum: 0, default: 0 }),
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
          meanMin: Type.Optional(probability),
          meanMax: Type.Optional(probability),
          entropyMin: Type.Optional(entropy),
          entropyMax: Type.Optional(entropy),
          disagreementMin: Type.Optional(probability),
          disagreementMax: Type.Optional(probability),
          decision: Type.Optional(
            Type.Unsafe<'HQ' | 'LQ'>({ type: 'string', enum: ['HQ', 'LQ'], description: 'Of the mean, at 0.5' }),
          ),
          triageClass: Type.Optional(
            Type.Unsafe<TriageClass>({
              type: 'string',
              enum: ['A', 'B', 'C', 'D'],
              description:
                'A no dissent, low entropy; B no dissent, high entropy; C dissent, low entropy; D dissent, high entropy',
            }),
          ),
          entropyThreshold: Type.Optional(
            Type.Number({
              minimum: 0,
              maximum: 1,
              description:
                "Where high entropy begins for `triageClass`; the 0.8 quantile of the run's entropies by default",
            }),
          ),
        }),
        response: {
          200: Type.Object({
            predictions: Type.Array(
              Type.Object({
                pageId,
                members: Type.Array(probability, { description: 'Calibrated P(HQ) by each member' }),
                mean: probability,
                entropy: Type.Number({ description: 'Of the mean, in nats' }),
                disagreement: Type.Number({ description: "Share of members whose decision differs from the mean's" }),
                mutualInformation: Type.Number({ description: 'In nats' }),
              }),
            ),
            next: Type.Unsafe<number | null>({ type: ['integer', 'null'] }),
            entropyThreshold: Type.Optional(Type.Number({ description: 'What `triageClass` was told by, in nats' })),
          }),
        },
      },
    },
    async ({ query }) => await listPredictions(store, query),
  );

  app.get(
    '/v1/predictions/backbone',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The backbone that embeds now',
        response: {
          200: Type.Object({
            name: Type.String(),
            sha256: Type.String({ description: 'Of all that shapes an embedding' }),
            dimensions: Type.Integer(),
            note: Type.String({ description: 'Why the default backbone is not the one that serves; empty when it is' }),
          }),
        },
      },
    },
    async () => ({
      name: backbone.name,
      sha256: backbone.sha256,
      dimensions: backbone.dimensions,
      note: backboneNote,
    }),
  );

  app.get(
    '/v1/predictions/embeddings',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'How many pages are embedded by the backbone that serves',
        response: {
          200: Type.Object({
            embedded: Type.Integer(),
            pending: Type.Integer({ description: 'Their image is stored' }),
            failed: Type.Integer({ description: 'Images that cannot be decoded or are gone' }),
          }),
        },
      },
    },
    () => store.embeddings.countEmbeddings(backbone.id),
  );

  const turns = createTurns({
    inFlightMax: searchesInFlightMax,
    waitingMax: searchesWaitingMax,
    refusal: 'too many searches for similar pages are waiting',
  });
  const similarTo = async (
    query: Omit<SimilarQuery, 'signal'>,
    answer: { on(event: 'close', call: () => void): unknown },
  ) => {
    const left = new AbortController();
    answer.on('close', () => left.abort());
    const deps = { embeddings: store.embeddings, shards, backbone, turns };
    return { pages: await findSimilar(deps, { ...query, signal: left.signal }) };
  };
  const similarPages = Type.Object({ pages: Type.Array(Type.Object({ pageId, similarity: Type.Number() })) });
  const countMax = Type.Integer({ minimum: 1, maximum: 200, default: 20 });

  app.get(
    '/v1/similar',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The nearest pages by embedding',
        description: 'Exact, over every embedded page; cosine of the embeddings standardised by all pages.',
        querystring: Type.Object({ pageId, limit: countMax }),
        response: { 200: similarPages },
      },
    },
    ({ query }, reply) => similarTo({ pageId: query.pageId, countMax: query.limit }, reply.raw),
  );

  app.post(
    '/v1/similar',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The nearest of some pages by embedding',
        description:
          'As by GET, over the given pages only; those that are not embedded are passed over. Changes nothing: it is a POST for its many ids.',
        body: Type.Object({
          pageId,
          withinPageIds: Type.Array(pageId, { maxItems: withinPageIdsMax }),
          countMax,
        }),
        response: { 200: similarPages },
      },
    },
    ({ body }, reply) => similarTo(body, reply.raw),
  );
}

/** A search is mostly arithmetic on the one thread: a second one fills the time in which the first reads. */
const searchesInFlightMax = 2;
/** About 1.5 s each at 280,000 pages: the last of these is answered within a client's patience. */
const searchesWaitingMax = 16;
const withinPageIdsMax = 20_000;
