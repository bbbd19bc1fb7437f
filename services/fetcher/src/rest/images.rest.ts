import { imageMediaTypes, imageSizes } from '@florilegium/bhl';
import { unavailable } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import { type DemandImageDeps, demandImage } from '../usecases/demand-image.ts';
import { openImage } from '../usecases/read-image.ts';
import { matchesEtag, readRange } from './image-headers.ts';
import { sendComing } from './send-coming.ts';

export function addImageRoutes(app: HttpApp, deps: DemandImageDeps): void {
  app.get(
    '/v1/images/:pageId',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "A page's image",
        description:
          'The bytes as the source gave them. One that is not stored is fetched now: after ten seconds without it the answer is 202 with Retry-After. The ETag is their SHA-256; `If-None-Match`, `Range` of one part and `If-Range` are understood.',
        params: Type.Object({ pageId: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) }),
        querystring: Type.Object({
          size: Type.Unsafe<(typeof imageSizes)[number]>({ type: 'string', enum: imageSizes, default: 'medium' }),
        }),
      },
    },
    async (request, reply) => {
      const demanded = await demandImage(deps, request.params.pageId, request.query.size);
      if (demanded.kind === 'coming') return sendComing(reply, demanded.retryAfterMs);
      const { image } = demanded;
      const etag = `"${image.sha256}"`;
      const kept = {
        etag,
        // An image changes only when a corrupt one was fetched again. Private: a key may be needed to see it.
        'cache-control': 'private, max-age=86400',
        'last-modified': image.fetchedAt.toUTCString(),
        'accept-ranges': 'bytes',
      };
      if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).headers(kept).send();
      const ifRange = request.headers['if-range'];
      const range =
        ifRange === undefined || ifRange === etag ? readRange(request.headers.range, image.bytes) : undefined;
      if (range === 'unsatisfiable')
        return reply
          .code(416)
          .headers({ 'content-range': `bytes */${image.bytes}`, 'cache-control': 'no-store' })
          .send();
      const content = range ? await deps.files.openPart(image, range) : await openImage(deps, image);
      if (!content)
        throw unavailable(`the file of page ${image.pageId} was damaged and will be fetched again`, {
          retryAfterMs: 1000,
        });
      // Not before the content is at hand: an error must not be kept in the image's place.
      reply.headers(kept).headers({
        'content-type': imageMediaTypes[image.format],
        'content-length': range?.bytes ?? image.bytes,
        'content-disposition': `inline; filename="${image.pageId}.${image.format}"`,
      });
      if (range)
        reply.code(206).header('content-range', `bytes ${range.start}-${range.start + range.bytes - 1}/${image.bytes}`);
      return reply.send(content);
    },
  );
}
