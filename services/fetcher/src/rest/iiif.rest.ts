import { createHash } from 'node:crypto';
import { cancelled, invalidArgument, notFound } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { iiifInfo, iiifMediaTypes } from '../domain/iiif-image.ts';
import {
  findLargestImage,
  planImage,
  type RenderIiifImageDeps,
  renderIiifImage,
} from '../usecases/render-iiif-image.ts';
import { matchesEtag } from './image-headers.ts';
import { sendComing } from './send-coming.ts';

export interface IiifRestDeps extends RenderIiifImageDeps {
  /** Origin under which the world sees this service; what the request came to, where it is undefined. */
  publicUrl: string | undefined;
}

const profile = 'http://iiif.io/api/image/3/context.json';
const part = Type.String({ minLength: 1, maxLength: 100 });
const byPage = { pageId: Type.String() };

/** IIIF Image API 3.0, level 2. The identifier of an image is its PageID. */
export function addIiifRoutes(app: HttpApp, deps: IiifRestDeps): void {
  const originOf = (request: FastifyRequest) => deps.publicUrl ?? `${request.protocol}://${request.host}`;
  const idOf = (request: FastifyRequest, pageId: number) => `${originOf(request)}/iiif/3/${pageId}`;

  // Viewers run on other origins. Errors, too, have to be readable for them.
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/iiif/'))
      reply.headers({ 'access-control-allow-origin': '*', 'access-control-expose-headers': 'link, retry-after' });
  });
  app.options('/iiif/3/*', { config: { role: 'public' } }, (_request, reply) =>
    reply
      .code(204)
      .headers({
        'access-control-allow-methods': 'GET, HEAD, OPTIONS',
        'access-control-allow-headers': 'authorization, range',
        'access-control-max-age': 86_400,
      })
      .send(),
  );

  app.get(
    '/iiif/3/:pageId',
    {
      config: { role: 'viewer' },
      schema: { summary: "To the image's info.json", params: Type.Object(byPage) },
    },
    async (request, reply) => reply.redirect(`${idOf(request, pageIdOf(request.params.pageId))}/info.json`, 303),
  );

  app.get(
    '/iiif/3/:pageId/info.json',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'What can be asked of an image (IIIF Image API 3, level 2)',
        description:
          'The size stated is the largest that the sources have, which is fetched if need be (202 after ten seconds).',
        params: Type.Object(byPage),
      },
    },
    async (request, reply) => {
      const pageId = pageIdOf(request.params.pageId);
      const demanded = await findLargestImage(deps, pageId);
      if (demanded.kind === 'coming') return sendComing(reply, demanded.retryAfterMs);
      const { width, height, sha256 } = demanded.image;
      const body = JSON.stringify(iiifInfo(idOf(request, pageId), { width, height }, deps.iiifPixelsMax));
      const isLinkedData = (request.headers.accept ?? '').includes('application/ld+json');
      reply
        .headers({ vary: 'accept' })
        .type(isLinkedData ? `application/ld+json;profile="${profile}"` : 'application/json');
      return sendCached(request, reply, `${sha256}/${body}`, async () => body);
    },
  );

  app.get(
    '/iiif/3/:pageId/:region/:size/:rotation/:file',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'A region of an image, scaled, turned, in a quality and a format',
        description:
          '`file` is quality and format, as in `default.jpg`. Qualities: default, color, gray, bitonal. Formats: jpg, png, webp.',
        params: Type.Object({ ...byPage, region: part, size: part, rotation: part, file: part }),
      },
    },
    async (request, reply) => {
      const { region, size, rotation, file } = request.params;
      const pageId = pageIdOf(request.params.pageId);
      const [, quality, format] = /^([a-z]+)\.([a-z0-9]+)$/.exec(file) ?? [];
      if (!quality || !format) throw invalidArgument(`${file} is not quality.format`, { field: 'file' });
      const planned = await planImage(deps, pageId, { region, size, rotation, quality, format });
      if ('kind' in planned) return sendComing(reply, planned.retryAfterMs);
      const { plan, largest } = planned;
      reply.type(iiifMediaTypes[plan.format]).headers({
        link: `<${idOf(request, pageId)}/${plan.canonicalPath}>;rel="canonical", <http://iiif.io/api/image/3/level2.json>;rel="profile"`,
        'content-disposition': `inline; filename="${pageId}.${plan.format}"`,
      });
      const left = new AbortController();
      reply.raw.once('close', () => left.abort(cancelled('nobody waits for this image any more')));
      return sendCached(request, reply, `${largest.sha256}/${plan.canonicalPath}`, () =>
        renderIiifImage(deps, planned, left.signal),
      );
    },
  );
}

/** `stands` tells one answer from another without making it. */
async function sendCached(
  request: FastifyRequest,
  reply: FastifyReply,
  stands: string,
  make: () => Promise<Buffer | string>,
): Promise<FastifyReply> {
  const etag = `"${createHash('sha256').update(stands).digest('hex').slice(0, 32)}"`;
  // Private: a key may be needed to see it.
  const headers = { etag, 'cache-control': 'private, max-age=86400' };
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).headers(headers).send();
  const body = await make();
  return reply.headers(headers).send(body);
}

function pageIdOf(text: string): number {
  const pageId = Number(text);
  if (!/^[1-9]\d{0,9}$/.test(text) || pageId > 2_147_483_647) throw notFound('image', text);
  return pageId;
}
