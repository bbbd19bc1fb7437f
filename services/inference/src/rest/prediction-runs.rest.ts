import { Readable } from 'node:stream';
import { invalidArgument } from '@florilegium/errors';
import { followChanges, type HttpApp, idempotencyKeyOf, sendEvents } from '@florilegium/http';
import { Type } from 'typebox';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { logitPairOf } from '../domain/prediction.ts';
import { hasEnded, type PredictionRun, runStates, selectionOf } from '../domain/prediction-run.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { RootStore } from '../store.ts';
import { cancelPredictionRun } from '../usecases/cancel-prediction-run.ts';
import { getPredictionRun, getReadableRun } from '../usecases/get-prediction-run.ts';
import { startPredictionRun } from '../usecases/start-prediction-run.ts';
import { streamPredictions } from '../usecases/stream-predictions.ts';

export interface PredictionRunsRestDeps {
  store: RootStore;
  catalog: CatalogClient;
  backbone: RecordedBackbone;
}

const orNull = <Value extends string | number>(type: 'string' | 'number', format?: string) =>
  Type.Unsafe<Value | null>({ type: [type, 'null'], ...(format ? { format } : {}) });
const uuid = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' });

const runSchema = Type.Object({
  id: Type.String({ format: 'uuid' }),
  state: Type.Unsafe<PredictionRun['state']>({ type: 'string', enum: runStates }),
  doneCount: Type.Integer({ description: 'Pages that are predicted or have no image' }),
  totalCount: Type.Integer({ description: '0 while the pages are still being listed' }),
  reason: orNull<string>('string'),
  createdAt: Type.String({ format: 'date-time' }),
  startedAt: orNull<string>('string', 'date-time'),
  endedAt: orNull<string>('string', 'date-time'),
  ensembleId: Type.String({ format: 'uuid' }),
  pageSetId: orNull<string>('string'),
  rule: orNull<string>('string'),
  predictedCount: Type.Integer(),
  noImageCount: Type.Integer({ description: 'Pages without an image, or with one that cannot be decoded' }),
});
const byId = Type.Object({ id: Type.String() });

export function addPredictionRunRoutes(app: HttpApp, deps: PredictionRunsRestDeps): void {
  const { store } = deps;

  app.post(
    '/v1/prediction-runs',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Start a prediction run',
        description:
          'Over a page set or all candidates of a rule. The same ensemble and selection answer with the same run, unless that one failed or was cancelled. Takes an Idempotency-Key.',
        body: Type.Object(
          {
            ensembleId: uuid,
            pageSetId: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
            rule: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
          },
          { additionalProperties: false },
        ),
        response: { 202: runSchema },
      },
    },
    async (request, reply) => {
      const { ensembleId, pageSetId, rule } = request.body;
      const selection = selectionOf(pageSetId, rule);
      const run = await startPredictionRun(deps, { ensembleId, selection, idempotencyKey: idempotencyKeyOf(request) });
      return reply.code(202).header('location', `/v1/prediction-runs/${run.id}`).send(toView(run));
    },
  );

  app.get(
    '/v1/prediction-runs',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Prediction runs, newest first',
        querystring: Type.Object({
          ensembleId: Type.Optional(uuid),
          after: Type.Optional(uuid),
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
        }),
        response: { 200: Type.Object({ predictionRuns: Type.Array(runSchema), next: orNull<string>('string') }) },
      },
    },
    async ({ query: { ensembleId, after, limit } }) => {
      const runs = await store.predictionRuns.listRuns({ ensembleId, beforeId: after, limit });
      return { predictionRuns: runs.map(toView), next: runs.length === limit ? runs.at(-1)!.id : null };
    },
  );

  app.get(
    '/v1/prediction-runs/:id',
    { config: { role: 'viewer' }, schema: { summary: 'A prediction run', params: byId, response: { 200: runSchema } } },
    async ({ params }) => toView(await getPredictionRun(store, params.id)),
  );

  app.get(
    '/v1/prediction-runs/:id/events',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Progress of a prediction run as server-sent events',
        description: '`progress` with the run as data each time it changes; ends after its last state.',
        params: byId,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await getPredictionRun(store, id);
      await sendEvents(request, reply, async function* (signal) {
        const read = async () => toView(await getPredictionRun(store, id));
        for await (const run of followChanges({ read, ended: (run) => hasEnded(run.state), signal }))
          yield { event: 'progress', data: run };
      });
    },
  );

  app.post(
    '/v1/prediction-runs/:id/cancel',
    {
      config: { role: 'operator' },
      schema: { summary: 'Cancel a prediction run', params: byId, response: { 200: runSchema } },
    },
    async ({ params }) => toView(await cancelPredictionRun(deps, params.id)),
  );

  app.get(
    '/v1/prediction-runs/:id/members/:file',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "A member's predictions as the reference project's file",
        description:
          '`0.json`, `1.json`, …: a JSON object from PageID (as text) to a pair of logits, HQ first. Of a run that is done.',
        params: Type.Object({ id: Type.String(), file: Type.String({ pattern: '^[0-9]{1,3}\\.json$' }) }),
      },
    },
    async ({ params }, reply) => {
      const member = Number.parseInt(params.file, 10);
      const run = await getReadableRun(store, params.id);
      const ensemble = await store.ensembles.findEnsemble(run.ensembleId);
      const memberCount = ensemble?.memberCount ?? 0;
      if (member >= memberCount)
        throw invalidArgument(`the ensemble has members 0 to ${memberCount - 1}`, { field: 'file' });
      return reply.type('application/json; charset=utf-8').send(Readable.from(memberFile(store, run.id, member)));
    },
  );
}

async function* memberFile(store: RootStore, runId: string, member: number): AsyncGenerator<string> {
  let separator = '{';
  for await (const predictions of streamPredictions(store, { runId, afterPageId: 0, limit: 1000 })) {
    const entries = predictions.map(({ pageId, members }) => {
      const [hq, lq] = logitPairOf(members[member]!);
      return `"${pageId}": [${hq.toPrecision(7)}, ${lq.toPrecision(7)}]`;
    });
    yield separator + entries.join(', ');
    separator = ', ';
  }
  yield separator === '{' ? '{}' : '}';
}

function toView(run: PredictionRun) {
  return {
    id: run.id,
    state: run.state,
    doneCount: run.doneCount,
    totalCount: run.totalCount,
    reason: run.reason || null,
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    endedAt: run.endedAt?.toISOString() ?? null,
    ensembleId: run.ensembleId,
    pageSetId: run.selection.kind === 'page-set' ? run.selection.pageSetId : null,
    rule: run.selection.kind === 'rule' ? run.selection.rule : null,
    predictedCount: run.predictedCount,
    noImageCount: run.noImageCount,
  };
}
