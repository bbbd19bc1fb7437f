import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import { type GalleryFilter, galleryOrders, wordsOf } from '../domain/gallery.ts';
import type { GalleryPage } from '../repos/hq-list-stories.repo.ts';
import type { Store } from '../store.ts';
import { findFrozenList } from '../usecases/find-frozen-list.ts';
import { createKnownOrders, readGallery } from '../usecases/read-gallery.ts';
import { versionParams } from './hq-lists.rest.ts';
import { nullable } from './iteration-view.ts';
import { isUnchanged } from './unchanged.ts';

const year = Type.Optional(Type.Integer({ minimum: 0, maximum: 9999 }));
const filters = {
  title: Type.Optional(Type.String({ maxLength: 200, description: 'Words that stand in title, authors or volume' })),
  name: Type.Optional(Type.String({ maxLength: 200, description: 'Words that stand in the scientific names' })),
  yearMin: year,
  yearMax: year,
  reuse: Type.Optional(
    Type.Array(Type.String({ enum: ['public_domain', 'attribution', 'limited', 'in_copyright', 'unknown'] }), {
      maxItems: 5,
      description: 'Only pages that may be reused in one of these ways; repeat the parameter for several',
    }),
  ),
};
interface FilterQuery {
  title?: string;
  name?: string;
  yearMin?: number;
  yearMax?: number;
  reuse?: string[];
}

const titlesMax = 20;
const count = Type.Integer();

const pageSchema = Type.Object({
  position: Type.Integer({ description: 'In what the filter leaves, in this order' }),
  pageId: Type.Integer(),
  probability: nullable(Type.Number()),
  chosenBy: Type.String(),
  title: Type.String(),
  authors: Type.String(),
  year: Type.String(),
  yearFrom: nullable(Type.Integer({ description: 'The first year that the text names' })),
  volume: Type.String(),
  place: Type.String({ description: 'The plate or page number as it is written, with its word' }),
  itemId: nullable(Type.Integer()),
  titleId: nullable(Type.Integer()),
  names: Type.Array(Type.String()),
  rights: Type.String(),
  license: Type.String(),
  reuse: Type.String(),
  citation: Type.String(),
  width: nullable(Type.Integer({ description: 'Pixels of the medium image' })),
  height: nullable(Type.Integer()),
  thumb: Type.String(),
  medium: Type.String(),
  bhlAddress: Type.String(),
});

/** A frozen list as pictures with their stories, filtered, ordered, and entered anywhere. */
export function addGalleryRoutes(app: HttpApp, { store }: { store: Store }): void {
  const orders = createKnownOrders();

  app.get(
    '/v1/hq-lists/:version/gallery',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Pages of a version with their stories, filtered and ordered, from any position',
        description:
          'Stories are as they were when the version was frozen, so an answer never changes. A shuffled order depends on the seed alone.',
        params: versionParams,
        querystring: Type.Object({
          ...filters,
          order: Type.String({ enum: [...galleryOrders], default: 'page' }),
          seed: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: 1 }),
          position: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: 0 }),
          limit: Type.Integer({ minimum: 1, maximum: 500, default: 60 }),
        }),
        response: {
          200: Type.Object({
            version: count,
            total: count,
            next: nullable(Type.Integer({ description: 'Position of the page after these' })),
            pages: Type.Array(pageSchema),
          }),
        },
      },
    },
    async (request, reply) => {
      const { order, seed, position, limit, ...filter } = request.query;
      const list = await findFrozenList(store, request.params.version);
      // The tag is the address: the same one has the same answer for ever.
      if (isUnchanged(request, reply, list, tagOf(request.url))) return reply;
      const { total, pages } = await readGallery({ store, orders }, list, {
        filter: toFilter(filter),
        order: order as (typeof galleryOrders)[number],
        seed,
        position,
        limit,
      });
      const end = position + limit;
      return { version: list.version, total, next: end < total ? end : null, pages: pages.map(viewPage) };
    },
  );

  app.get(
    '/v1/hq-lists/:version/gallery/facets',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'What a filter leaves of a version, counted by reuse, decade and title',
        description:
          'The counts by reuse are of what the filter leaves apart from its reuse, those by decade apart from its years: what else could be chosen.',
        params: versionParams,
        querystring: Type.Object(filters),
        response: {
          200: Type.Object({
            total: count,
            unknownYearCount: count,
            reuse: Type.Record(Type.String(), count),
            decades: Type.Array(Type.Object({ decade: count, count })),
            titles: Type.Array(Type.Object({ titleId: count, title: Type.String(), count }), {
              description: `The ${titlesMax} with most pages`,
            }),
          }),
        },
      },
    },
    async (request, reply) => {
      const list = await findFrozenList(store, request.params.version);
      if (isUnchanged(request, reply, list, tagOf(request.url))) return reply;
      return await store.hqListStories.countFacets(list.id, toFilter(request.query), titlesMax);
    },
  );
}

const tagOf = (url: string) => Buffer.from(url).toString('base64url').slice(-400);

const toFilter = ({ title = '', name = '', yearMin, yearMax, reuse = [] }: FilterQuery): GalleryFilter => ({
  workWords: wordsOf(title),
  nameWords: wordsOf(name),
  yearMin,
  yearMax,
  reuse,
});

function viewPage({ ordinal: _, ...page }: GalleryPage & { position: number }) {
  const { pageId } = page;
  return {
    ...page,
    thumb: `/v1/images/${pageId}?size=thumb`,
    medium: `/v1/images/${pageId}?size=medium`,
    bhlAddress: `https://www.biodiversitylibrary.org/page/${pageId}`,
  };
}
