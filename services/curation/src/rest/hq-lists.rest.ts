import { invalidArgument, notFound } from '@florilegium/errors';
import { followChanges, type HttpApp, idempotencyKeyOf, sendEvents } from '@florilegium/http';
import { Type } from 'typebox';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import { publishHqList } from '../usecases/publish-hq-list.ts';
import { type WithdrawHqListDeps, withdrawHqList } from '../usecases/withdraw-hq-list.ts';
import { hqListSchema, viewHqList } from './hq-list-view.ts';

export const versionParams = Type.Object({ version: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }) });

export function addHqListRoutes(
  app: HttpApp,
  deps: WithdrawHqListDeps & { catalog: Pick<CatalogClient, 'getRule'> },
): void {
  const { store } = deps;
  const find = async (version: number): Promise<HqList> => {
    const list = await store.hqLists.find(version);
    if (!list) throw notFound('HQ list', version);
    return list;
  };
  app.post(
    '/v1/hq-lists',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Begin the next version of the HQ list',
        description:
          'Predicts every candidate of the rule with the newest reviewed ensemble, freezes the pages and draws the sample of the audit. The list is published when every page of the sample has its label; with auditCount 0 at once, unaudited.',
        body: Type.Object(
          {
            rule: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,99}$', default: 'illustrated' }),
            threshold: Type.Optional(
              Type.Number({
                minimum: 0,
                maximum: 1,
                description: 'P(HQ) from which a page is listed; 0.5 when not given',
              }),
            ),
            targetPrecision: Type.Optional(
              Type.Number({
                minimum: 0.01,
                maximum: 0.999,
                description: 'In place of a threshold: the lowest one whose list is expected to have this precision',
              }),
            ),
            auditCount: Type.Integer({
              minimum: 0,
              maximum: 100_000,
              description: 'Pages that the audit looks at in all',
            }),
            outsideCount: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: 250,
                description:
                  "How many of them outside the candidates, from catalog's reservoir; a sixth, at most 250, when left out. Fewer where the reservoir has fewer with an image.",
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 202: hqListSchema },
      },
    },
    async (request, reply) => {
      const { rule, auditCount, outsideCount, threshold, targetPrecision } = request.body;
      if (threshold !== undefined && targetPrecision !== undefined)
        throw invalidArgument('either a threshold or a target precision, not both', { field: 'targetPrecision' });
      const list = await publishHqList(deps, {
        rule,
        auditCount,
        outsideCount,
        cut: targetPrecision === undefined ? { threshold: threshold ?? 0.5 } : { targetPrecision },
        by: request.principal.name,
        idempotencyKey: idempotencyKeyOf(request),
      });
      return reply.code(202).send(viewHqList(list));
    },
  );

  app.get(
    '/v1/hq-lists',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'All versions, the first one first',
        response: { 200: Type.Object({ hqLists: Type.Array(hqListSchema) }) },
      },
    },
    async () => ({ hqLists: (await store.hqLists.list()).map(viewHqList) }),
  );

  app.get(
    '/v1/hq-lists/newest',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The newest version in use; with `audited`, the newest whose quality was measured',
        description:
          'Versions that are imported, withdrawn or unfinished are none. 404 where there is no such version.',
        querystring: Type.Object({ audited: Type.Boolean({ default: false }) }),
        response: { 200: hqListSchema },
      },
    },
    async ({ query }) => {
      const list = await store.hqLists.findNewestPublished(query.audited);
      if (!list) throw notFound(query.audited ? 'audited HQ list' : 'HQ list', 'newest');
      return viewHqList(list);
    },
  );

  app.get(
    '/v1/hq-lists/:version',
    {
      config: { role: 'viewer' },
      schema: { summary: 'A version', params: versionParams, response: { 200: hqListSchema } },
    },
    async (request) => viewHqList(await find(request.params.version)),
  );

  app.get(
    '/v1/hq-lists/:version/events',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'A version each time it changes, as server-sent events, until it is published',
        params: versionParams,
      },
    },
    async (request, reply) => {
      const { version } = request.params;
      await find(version);
      await sendEvents(request, reply, async function* (signal) {
        for await (const data of followChanges({
          read: async () => viewHqList(await find(version)),
          ended: ({ state }) => !['importing', 'predicting', 'auditing'].includes(state),
          signal,
        }))
          yield { event: 'progress', data };
      });
    },
  );

  app.post(
    '/v1/hq-lists/:version/withdraw',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Take a version out of use',
        description:
          'Pages of a frozen version stay readable: somebody may have built on them. One that is still being made is cancelled, and the next may begin.',
        params: versionParams,
        body: Type.Object({ reason: Type.String({ minLength: 1, maxLength: 500 }) }, { additionalProperties: false }),
        response: { 200: hqListSchema },
      },
    },
    async (request) =>
      viewHqList(await withdrawHqList(deps, { version: request.params.version, reason: request.body.reason })),
  );
}
