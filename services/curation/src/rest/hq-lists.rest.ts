import { Readable } from 'node:stream';
import { failedPrecondition, notFound } from '@florilegium/errors';
import { followChanges, type HttpApp, idempotencyKeyOf, sendEvents } from '@florilegium/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isFrozen } from '../domain/hq-list.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';
import { publishHqList } from '../usecases/publish-hq-list.ts';
import { withdrawHqList } from '../usecases/withdraw-hq-list.ts';
import { hqListSchema, viewHqList } from './hq-list-view.ts';
import { nullable } from './iteration-view.ts';

const params = Type.Object({ version: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }) });

export function addHqListRoutes(app: HttpApp, { store }: { store: Store }): void {
  const find = async (version: number): Promise<HqList> => {
    const list = await store.hqLists.find(version);
    if (!list) throw notFound('HQ list', version);
    return list;
  };
  const findFrozen = async (version: number): Promise<HqList> => {
    const list = await find(version);
    if (!isFrozen(list.state)) throw failedPrecondition(`list ${version} is ${list.state}: it has no pages to read`);
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
            threshold: Type.Number({ minimum: 0, maximum: 1, default: 0.5 }),
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
      const list = await publishHqList(
        { store },
        { ...request.body, by: request.principal.name, idempotencyKey: idempotencyKeyOf(request) },
      );
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
    '/v1/hq-lists/:version',
    { config: { role: 'viewer' }, schema: { summary: 'A version', params, response: { 200: hqListSchema } } },
    async (request) => viewHqList(await find(request.params.version)),
  );

  app.get(
    '/v1/hq-lists/:version/events',
    {
      config: { role: 'viewer' },
      schema: { summary: 'A version each time it changes, as server-sent events, until it is published', params },
    },
    async (request, reply) => {
      const { version } = request.params;
      await find(version);
      await sendEvents(request, reply, async function* (signal) {
        for await (const data of followChanges({
          read: async () => viewHqList(await find(version)),
          ended: ({ state }) => state === 'published' || state === 'withdrawn' || state === 'failed',
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
        description: 'Its pages stay readable: somebody may have built on them.',
        params,
        body: Type.Object({ reason: Type.String({ minLength: 1, maxLength: 500 }) }, { additionalProperties: false }),
        response: { 200: hqListSchema },
      },
    },
    async (request) =>
      viewHqList(await withdrawHqList({ store }, { version: request.params.version, reason: request.body.reason })),
  );

  app.get(
    '/v1/hq-lists/:version/pages',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Pages of a version in ascending PageID',
        params,
        querystring: Type.Object({
          after: Type.Integer({ minimum: 0, default: 0 }),
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
        }),
        response: {
          200: Type.Object({
            pages: Type.Array(
              Type.Object({
                pageId: Type.Integer(),
                probability: Type.Number({ description: "Mean of the members' calibrated P(HQ)" }),
                chosenBy: Type.String({ enum: ['label', 'score'] }),
              }),
            ),
            next: nullable(Type.Integer()),
          }),
        },
      },
    },
    async (request, reply) => {
      const { after, limit } = request.query;
      const list = await findFrozen(request.params.version);
      if (isUnchanged(request, reply, list, `pages-${after}-${limit}`)) return reply;
      const pages = await store.hqLists.readPages(list.id, after, limit);
      return { pages, next: pages.length === limit ? pages.at(-1)!.pageId : null };
    },
  );

  const files = {
    txt: { summary: 'The PageIDs of a version, one a line', media: 'text/plain; charset=utf-8' },
    csv: { summary: 'A version as CSV', media: 'text/csv; charset=utf-8' },
  };
  for (const extension of ['txt', 'csv'] as const) {
    const { summary, media } = files[extension];
    app.get(
      `/v1/hq-lists/:version/pages.${extension}`,
      { config: { role: 'viewer' }, schema: { summary, params } },
      async (request, reply) => {
        const list = await findFrozen((request.params as { version: number }).version);
        if (isUnchanged(request, reply, list, extension)) return reply;
        reply.header('content-disposition', `inline; filename="hq-list-v${list.version}.${extension}"`);
        return reply.type(media).send(Readable.from(store.copyList(list.id, extension), { objectMode: false }));
      },
    );
  }
}

/** A frozen version never changes: readers may keep it for a year, and ask again with its tag. Answers 304 where they did. */
function isUnchanged(request: FastifyRequest, reply: FastifyReply, list: HqList, form: string): boolean {
  const tag = `"${list.pagesSha256?.slice(0, 32)}-${form}"`;
  reply.header('etag', tag).header('cache-control', 'private, max-age=31536000, immutable');
  const known = request.headers['if-none-match']?.split(',').map((part) => part.trim().replace(/^W\//, ''));
  if (!known?.some((part) => part === tag || part === '*')) return false;
  void reply.code(304).send();
  return true;
}
