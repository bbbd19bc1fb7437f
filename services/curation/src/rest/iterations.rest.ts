import { notFound } from '@florilegium/errors';
import { followChanges, type HttpApp, idempotencyKeyOf, sendEvents } from '@florilegium/http';
import { type Static, Type } from 'typebox';
import { isAtRest } from '../domain/iteration.ts';
import type { TriageRule } from '../domain/triage.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { ProposalFilter } from '../repos/triage.repo.ts';
import { acceptRelabels, refuseRelabels } from '../usecases/accept-relabels.ts';
import { applyRelabelFile } from '../usecases/apply-relabel-file.ts';
import { type CancelIterationDeps, cancelIteration } from '../usecases/cancel-iteration.ts';
import { closeIteration } from '../usecases/close-iteration.ts';
import { proposeRelabels, relabelKinds, toReferenceRelabels } from '../usecases/propose-relabels.ts';
import type { RecordLabelsDeps } from '../usecases/record-labels.ts';
import { retryIteration } from '../usecases/retry-iteration.ts';
import { startIteration } from '../usecases/start-iteration.ts';
import { iterationSchema, nullable, viewIteration } from './iteration-view.ts';
import { numberingSchema, pageIdSchema, recordedSchema } from './labels.rest.ts';

export interface IterationRoutesDeps extends RecordLabelsDeps, CancelIterationDeps {
  /** What an iteration is triaged by unless its start says otherwise. */
  triageDefaults: Pick<TriageRule, 'entropyQuantile' | 'randomShare'>;
}

const share = Type.Number({ minimum: 0, maximum: 1 });
const params = Type.Object({ number: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }) });

export function addIterationRoutes(app: HttpApp, deps: IterationRoutesDeps): void {
  const { store, triageDefaults } = deps;
  const view = async (iteration: Iteration) => viewIteration(iteration, await store.iterations.listRuns(iteration.id));
  const read = async (number: number) => {
    const iteration = await store.iterations.find(number);
    if (!iteration) throw notFound('iteration', number);
    return await view(iteration);
  };

  app.post(
    '/v1/iterations',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Start the next iteration',
        description:
          'Freezes the labels as they stand and has an ensemble trained on them. One iteration runs at a time; the one in review is closed. The same Idempotency-Key answers with the same iteration.',
        body: Type.Object(
          {
            method: Type.String({ enum: ['probe', 'finetune'], default: 'probe' }),
            parameters: Type.Object(
              {},
              { additionalProperties: true, default: {}, description: "Trainer's parameters" },
            ),
            triage: Type.Optional(
              Type.Object(
                {
                  entropyQuantile: Type.Optional(share),
                  entropyThreshold: Type.Optional(Type.Number({ minimum: 0, maximum: Math.LN2 })),
                  randomShare: Type.Optional(share),
                },
                { additionalProperties: false },
              ),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 202: iterationSchema },
      },
    },
    async (request, reply) => {
      const { method, parameters, triage } = request.body;
      const iteration = await startIteration(deps, {
        method,
        parameters: parameters as Record<string, unknown>,
        triageRule: { ...triageDefaults, entropyThreshold: null, ...triage },
        by: request.principal.name,
        idempotencyKey: idempotencyKeyOf(request),
      });
      return reply.code(202).send(await view(iteration));
    },
  );

  app.get(
    '/v1/iterations',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'All iterations, the first one first',
        response: { 200: Type.Object({ iterations: Type.Array(iterationSchema) }) },
      },
    },
    async () => ({ iterations: await Promise.all((await store.iterations.list()).map(view)) }),
  );

  app.get(
    '/v1/iterations/:number',
    {
      config: { role: 'viewer' },
      schema: { summary: 'An iteration', params, response: { 200: iterationSchema } },
    },
    async (request) => read(request.params.number),
  );

  app.get(
    '/v1/iterations/:number/moves',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The states an iteration came through',
        params,
        response: {
          200: Type.Object({
            moves: Type.Array(
              Type.Object({
                state: Type.String(),
                reason: Type.Union([Type.String(), Type.Null()]),
                at: Type.String({ format: 'date-time' }),
              }),
            ),
          }),
        },
      },
    },
    async (request) => {
      const { id } = await read(request.params.number);
      return { moves: (await store.iterations.listMoves(id)).map((move) => ({ ...move, at: move.at.toISOString() })) };
    },
  );

  app.get(
    '/v1/iterations/:number/events',
    {
      config: { role: 'viewer' },
      schema: { summary: 'An iteration each time it changes, as server-sent events, until it is at rest', params },
    },
    async (request, reply) => {
      const { number } = request.params;
      await read(number);
      await sendEvents(request, reply, async function* (signal) {
        for await (const data of followChanges({
          read: () => read(number),
          ended: ({ state }) => isAtRest(state),
          signal,
        }))
          yield { event: 'progress', data };
      });
    },
  );

  const actions = {
    cancel: { summary: 'Cancel an unfinished iteration', act: (number: number) => cancelIteration(deps, number) },
    retry: {
      summary: 'Let a failed iteration go on where it failed',
      act: (number: number) => retryIteration(deps, number),
    },
    close: { summary: 'End the review of an iteration', act: (number: number) => closeIteration(deps, number) },
  };
  for (const [name, { summary, act }] of Object.entries(actions))
    app.post(
      `/v1/iterations/:number/${name}`,
      { config: { role: 'operator' }, schema: { summary, params, response: { 200: iterationSchema } } },
      async (request) => view(await act((request.params as { number: number }).number)),
    );

  app.get(
    '/v1/iterations/:number/relabels/:kind',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "Proposals in the form of the reference project's relabel files",
        description: 'notsure and type_c hold [id, 0 for HQ or 1 for LQ], type_b_d holds [id].',
        params: Type.Object({ ...params.properties, kind: Type.Enum([...relabelKinds]) }),
        querystring: numberingSchema,
        response: { 200: Type.Array(Type.Array(Type.Integer())) },
      },
    },
    async (request, reply) => {
      const { number, kind } = request.params;
      const relabels = await proposeRelabels(deps, { number, kind });
      reply.header('content-disposition', `attachment; filename="relabels_${kind}"`);
      return toReferenceRelabels(relabels, kind, request.query);
    },
  );

  app.post(
    '/v1/iterations/:number/relabels/:kind',
    {
      config: { role: 'curator' },
      bodyLimit: relabelFileBytesMax,
      schema: {
        summary: 'Take back a relabel file',
        description:
          'Rows [id, label] as a person left them; each becomes a label event of the caller, all in one transaction. Rows without a label, and of pages that do not wait any more, are refused by their index. With an Idempotency-Key a repeat has the same answer.',
        params: Type.Object({ ...params.properties, kind: Type.Enum([...relabelKinds]) }),
        querystring: numberingSchema,
        body: Type.Array(Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), { minItems: 1, maxItems: 2 }), {
          maxItems: 100_000,
        }),
        response: { 200: recordedSchema },
      },
    },
    async (request) =>
      applyRelabelFile(deps, {
        ...request.params,
        rows: request.body,
        numbering: request.query,
        by: request.principal.name,
        idempotencyKey: idempotencyKeyOf(request),
      }),
  );

  app.get(
    '/v1/iterations/:number/proposals/:kind',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Proposals that wait, in ascending PageID',
        params: Type.Object({ ...params.properties, kind: Type.Enum([...relabelKinds]) }),
        querystring: Type.Object({
          ...filterProperties,
          after: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: 0 }),
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
        }),
        response: {
          200: Type.Object({
            proposals: Type.Array(
              Type.Object({
                pageId: Type.Integer(),
                itemId: Type.Integer(),
                ensembleLabel: Type.String(),
                probability: Type.Number({ description: 'P(HQ) by the members that may judge the page' }),
                reason: Type.String(),
              }),
            ),
            next: nullable(Type.Integer()),
          }),
        },
      },
    },
    async ({ params: { number, kind }, query }) => {
      const { proposals } = await proposeRelabels(deps, { number, kind, filter: toFilter(query) });
      return { proposals, next: proposals.length === query.limit ? proposals.at(-1)!.pageId : null };
    },
  );

  const answers = {
    accept: {
      summary: "Say yes to the ensemble's labels",
      description:
        'Each becomes a label event of the caller. Of all proposals that wait, those that all of the body holds for.',
      act: acceptRelabels,
    },
    refuse: {
      summary: "Say no to the ensemble's labels",
      description:
        'They are not proposed again in this iteration, and labels stay as they are. Of all proposals that wait, those that all of the body holds for.',
      act: refuseRelabels,
    },
  };
  for (const [name, { summary, description, act }] of Object.entries(answers))
    app.post(
      `/v1/iterations/:number/relabels/:kind/${name}`,
      {
        config: { role: 'curator' },
        schema: {
          summary,
          description,
          params: answerParams,
          body: answerBody,
          response: { 200: recordedSchema },
        },
      },
      async (request) => {
        const { number, kind } = request.params as Static<typeof answerParams>;
        const { pageIds, ...filter } = request.body as Static<typeof answerBody>;
        return act(deps, {
          number,
          kind,
          filter: { ...toFilter(filter), pageIds },
          by: request.principal.name,
          idempotencyKey: idempotencyKeyOf(request),
        });
      },
    );
}

const relabelFileBytesMax = 4 << 20;
const filterProperties = {
  itemId: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })),
  ensembleLabel: Type.Optional(Type.String({ enum: ['HQ', 'LQ'] })),
  probabilityMin: Type.Optional(share),
  probabilityMax: Type.Optional(share),
};
const answerParams = Type.Object({ ...params.properties, kind: Type.Enum(['notsure', 'type_c']) });
const answerBody = Type.Object(
  { pageIds: Type.Optional(Type.Array(pageIdSchema, { maxItems: 500 })), ...filterProperties },
  { additionalProperties: false },
);

const toFilter = ({
  ensembleLabel,
  ...filter
}: Omit<ProposalFilter, 'ensembleLabel'> & { ensembleLabel?: string }) => ({
  ...filter,
  ensembleLabel: (['HQ', 'LQ'] as const).find((label) => label === ensembleLabel),
});
