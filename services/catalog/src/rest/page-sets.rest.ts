import { notFound } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import { allocations, type PageSet, type PageSetParameters, strata } from '../domain/page-set.ts';
import type { Store } from '../store.ts';
import { limit, pageSetShape, uuid } from './shapes.ts';

export interface PageSetRoutes {
  store: Store;
  createPageSet(parameters: PageSetParameters): Promise<{ pageSet: PageSet; isNew: boolean }>;
}

export function addPageSetRoutes(app: HttpApp, { store, createPageSet }: PageSetRoutes): void {
  const find = async (id: string) => {
    const pageSet = await store.pageSets.findPageSet(id);
    if (!pageSet) throw notFound('page set', id);
    return pageSet;
  };

  app.post(
    '/v1/page-sets',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Draw a page set by seed from the candidates of a rule',
        description:
          'At most `countMax` pages and at most the share `shareMax` of what is drawn from: all candidates of the rule, or the pages of `withinPageSetId`. With `wholeItems` whole items in random order, as near below the limit as the items allow. With `stratifyBy` the pages are drawn from each book, decade or page type: each gets the same number as far as its pages reach (`equal`), or its share (`proportional`). The same name and parameters again give the same set; it never changes.',
        body: Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 100 }),
            rule: Type.String({ default: 'illustrated', maxLength: 100 }),
            seed: Type.Integer({ default: 1 }),
            countMax: Type.Integer({ default: 0, minimum: 0, maximum: 2 ** 31 - 1 }),
            shareMax: Type.Number({ default: 0, minimum: 0, maximum: 1 }),
            wholeItems: Type.Boolean({ default: false }),
            excludePageSetIds: Type.Array(uuid, { default: [], maxItems: 100 }),
            withinPageSetId: Type.Union([uuid, Type.Literal('')], { default: '' }),
            stratifyBy: Type.Unsafe<string>({ type: 'string', enum: ['', ...strata], default: '' }),
            allocation: Type.Unsafe<string>({ type: 'string', enum: ['', ...allocations], default: '' }),
          },
          { additionalProperties: false },
        ),
        response: { 200: pageSetShape, 201: pageSetShape },
      },
    },
    async (request, reply) => {
      const { pageSet, isNew } = await createPageSet(request.body);
      return reply.code(isNew ? 201 : 200).send(shown(pageSet));
    },
  );

  app.get(
    '/v1/page-sets',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Page sets by name',
        querystring: Type.Object({ name: Type.Optional(Type.String()), after: Type.Optional(Type.String()), limit }),
        response: {
          200: Type.Object({ pageSets: Type.Array(pageSetShape), next: Type.Union([Type.String(), Type.Null()]) }),
        },
      },
    },
    async ({ query }) => {
      const pageSets = await store.pageSets.listPageSets(query);
      return { pageSets: pageSets.map(shown), next: pageSets.length < query.limit ? null : pageSets.at(-1)!.name };
    },
  );

  app.get(
    '/v1/page-sets/:id',
    {
      config: { role: 'viewer' },
      schema: { summary: 'A page set', params: Type.Object({ id: uuid }), response: { 200: pageSetShape } },
    },
    async ({ params }) => shown(await find(params.id)),
  );

  app.get(
    '/v1/page-sets/:id/pages',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'PageIDs of a page set, ascending',
        params: Type.Object({ id: uuid }),
        querystring: Type.Object({
          after: Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, default: -1 }),
          limit,
        }),
        response: {
          200: Type.Object({ pageIds: Type.Array(Type.Integer()), next: Type.Union([Type.Integer(), Type.Null()]) }),
        },
      },
    },
    async ({ params, query }) => {
      await find(params.id);
      const pageIds = await store.pageSets.listPageIds(params.id, query.after, query.limit);
      return { pageIds, next: pageIds.length < query.limit ? null : pageIds.at(-1)! };
    },
  );
}

function shown(pageSet: PageSet) {
  return { ...pageSet, createdAt: pageSet.createdAt.toISOString() };
}
