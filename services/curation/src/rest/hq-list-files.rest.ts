import { Readable } from 'node:stream';
import { readIdList } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import { type HttpApp, idempotencyKeyOf } from '@florilegium/http';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { Store } from '../store.ts';
import { findFrozenList } from '../usecases/find-frozen-list.ts';
import { importHqList } from '../usecases/import-hq-list.ts';
import { readDifference } from '../usecases/read-difference.ts';
import { readListCsv } from '../usecases/read-list-csv.ts';
import { readListText } from '../usecases/read-list-text.ts';
import { hqListSchema, viewHqList } from './hq-list-view.ts';
import { versionParams } from './hq-lists.rest.ts';
import { nullable } from './iteration-view.ts';
import { isUnchanged } from './unchanged.ts';

const after = Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, default: -1 });
const limit = Type.Integer({ minimum: 1, maximum: 1000, default: 100 });
const bothParams = Type.Object({
  version: versionParams.properties.version,
  other: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
});

/** The pages of a version, and what two versions have in common: page by page and as files. */
export function addHqListFileRoutes(
  app: HttpApp,
  deps: { store: Store; catalog: Pick<CatalogClient, 'getRule'> },
): void {
  const { store } = deps;

  app.get(
    '/v1/hq-lists/:version/pages',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Pages of a version in ascending PageID',
        params: versionParams,
        querystring: Type.Object({ after, limit }),
        response: {
          200: Type.Object({
            pages: Type.Array(
              Type.Object({
                pageId: Type.Integer(),
                // A union of schemas would be tried one by one for each of a thousand pages.
                probability: Type.Unsafe<number | null>({
                  type: ['number', 'null'],
                  description:
                    "Mean of the members' calibrated P(HQ); null in an imported list, and of a page without a score that a label listed",
                }),
                chosenBy: Type.String({ enum: ['label', 'score', 'import'] }),
              }),
            ),
            next: nullable(Type.Integer()),
          }),
        },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const list = await findFrozenList(store, request.params.version);
      if (isUnchanged(request, reply, list, `pages-${query.after}-${query.limit}`)) return reply;
      const pages = await store.hqLists.readPages(list.id, query.after, query.limit);
      return { pages, next: pages.length === query.limit ? pages.at(-1)!.pageId : null };
    },
  );

  const files = {
    txt: {
      summary: 'The PageIDs of a version, one a line',
      media: 'text/plain; charset=utf-8',
      read: readListText,
    },
    csv: {
      summary: 'A version with the story and rights of each page, as CSV',
      media: 'text/csv; charset=utf-8',
      read: readListCsv,
    },
  };
  for (const extension of ['txt', 'csv'] as const) {
    const { summary, media, read } = files[extension];
    app.get(
      `/v1/hq-lists/:version/pages.${extension}`,
      { config: { role: 'viewer' }, schema: { summary, params: versionParams } },
      async (request, reply) => {
        const list = await findFrozenList(store, (request.params as { version: number }).version);
        if (isUnchanged(request, reply, list, extension)) return reply;
        reply.header('content-disposition', `inline; filename="hq-list-v${list.version}.${extension}"`);
        return reply.type(media).send(Readable.from(read(store, list), { objectMode: false }));
      },
    );
  }

  app.get(
    '/v1/hq-lists/:version/diff/:other',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'What another version has added to a version, or dropped',
        params: bothParams,
        querystring: Type.Object({
          change: Type.String({ enum: ['added', 'dropped'], default: 'added' }),
          after,
          limit,
        }),
        response: {
          200: Type.Object({
            from: Type.Integer(),
            to: Type.Integer(),
            addedCount: Type.Integer(),
            droppedCount: Type.Integer(),
            keptCount: Type.Integer(),
            change: Type.String(),
            pageIds: Type.Array(Type.Integer()),
            next: nullable(Type.Integer()),
          }),
        },
      },
    },
    async (request, reply) => {
      const { version, other } = request.params;
      const { query } = request;
      const [from, to] = [await findFrozenList(store, version), await findFrozenList(store, other)];
      const form = `diff-${to.id}-${query.change}-${query.after}-${query.limit}`;
      if (isUnchanged(request, reply, from, form)) return reply;
      const counts = await store.hqLists.countDifference(from.id, to.id);
      const [has, lacks] = query.change === 'added' ? [to, from] : [from, to];
      const pageIds = await store.hqLists.readPagesMissingIn(has.id, lacks.id, query.after, query.limit);
      return {
        from: version,
        to: other,
        ...counts,
        change: query.change,
        pageIds,
        next: pageIds.length === query.limit ? pageIds.at(-1)! : null,
      };
    },
  );

  app.get(
    '/v1/hq-lists/:version/diff/:other/pages.txt',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The same as text: `-PageID` of each page that was dropped, then `+PageID` of each that was added',
        params: bothParams,
      },
    },
    async (request, reply) => {
      const { version, other } = request.params;
      const [from, to] = [await findFrozenList(store, version), await findFrozenList(store, other)];
      if (isUnchanged(request, reply, from, `diff-${to.id}-txt`)) return reply;
      reply.header('content-disposition', `inline; filename="hq-list-v${version}-to-v${other}.txt"`);
      const lines = (async function* () {
        for await (const { change, pageIds } of readDifference(store, from, to))
          yield Buffer.from(pageIds.map((pageId) => `${change === 'added' ? '+' : '-'}${pageId}\n`).join(''));
      })();
      return reply.type('text/plain; charset=utf-8').send(Readable.from(lines, { objectMode: false }));
    },
  );

  app.register(async (scope) => addImportRoute(scope as unknown as HttpApp, deps));
}

/** In a scope of its own: here alone a text is not read before the handler sees it. */
function addImportRoute(scope: HttpApp, deps: { store: Store; catalog: Pick<CatalogClient, 'getRule'> }): void {
  const stream = ['text/plain', 'application/octet-stream'];
  scope.removeContentTypeParser('text/plain');
  (scope as unknown as FastifyInstance).addContentTypeParser(stream, (_request, payload, done) => done(null, payload));
  scope.post(
    '/v1/hq-lists/imports',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Import a list made elsewhere as the next version',
        description:
          'The body is text, one PageID a line. Pages that the rule does not select, or that catalog does not know, are kept and counted. An imported list is never called audited.',
        consumes: stream,
        querystring: Type.Object({
          source: Type.String({ minLength: 1, maxLength: 300, description: 'Where it comes from, in words' }),
          rule: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,99}$', default: 'illustrated' }),
        }),
        response: { 202: hqListSchema },
      },
    },
    async (request, reply) => {
      if (!(request.body instanceof Readable)) throw invalidArgument('the body is no text: one PageID a line');
      const list = await importHqList(deps, {
        ...request.query,
        pageIds: readIdList(request.body),
        by: request.principal.name,
        idempotencyKey: idempotencyKeyOf(request),
      });
      return reply.code(202).send(viewHqList(list));
    },
  );
}
