import { imageMediaTypes, imageSizes } from '@florilegium/bhl';
import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import { findStoredImage, type ReadImageDeps } from '../usecases/read-image.ts';

export function addImageRoutes(app: HttpApp, deps: ReadImageDeps): void {
  app.get(
    '/v1/images/:pageId',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "A page's stored image",
        description:
          'The bytes as the source gave them. The ETag is their SHA-256; `If-None-Match`, `Range` of one part and `If-Range` are understood.',
        params: Type.Object({ pageId: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) }),
        querystring: Type.Object({
          size: Type.Unsafe<(typeof imageSizes)[number]>({ type: 'string', enum: imageSizes, default: 'medium' }),
        }),
      },
    },
    async (request, reply) => {
      const image = await findStoredImage(deps, request.params.pageId, request.query.size);
      const etag = `"${image.sha256}"`;
      reply.headers({
        etag,
        // An image changes only when a corrupt one was fetched again. Private: a key may be needed to see it.
        'cache-control': 'private, max-age=86400',
        'last-modified': image.fetchedAt.toUTCString(),
        'accept-ranges': 'bytes',
      });
      if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
      const ifRange = request.headers['if-range'];
      const range =
        ifRange === undefined || ifRange === etag ? readRange(request.headers.range, image.bytes) : undefined;
      if (range === 'unsatisfiable')
        return reply
          .code(416)
          .headers({ 'content-range': `bytes */${image.bytes}`, 'cache-control': 'no-store' })
          .send();
      const { start, bytes } = range ?? { start: 0, bytes: image.bytes };
      if (range) reply.code(206).header('content-range', `bytes ${start}-${start + bytes - 1}/${image.bytes}`);
      reply.headers({
        'content-type': imageMediaTypes[image.format],
        'content-length': bytes,
        'content-disposition': `inline; filename="${image.pageId}.${image.format}"`,
      });
      return reply.send(await deps.files.openImage(image, { start, bytes }));
    },
  );
}

/** RFC 9110, 13.1.2: a list of tags, weak ones compared by their text, or `*`. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag);
}

/** RFC 9110, 14.1.2, one part only; what is not understood is ignored, as it says. */
export function readRange(
  header: string | undefined,
  length: number,
): { start: number; bytes: number } | 'unsatisfiable' | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!parts || (parts[1] === '' && parts[2] === '')) return undefined;
  if (parts[1] === '') {
    const bytes = Math.min(Number(parts[2]), length);
    return bytes === 0 ? 'unsatisfiable' : { start: length - bytes, bytes };
  }
  const start = Number(parts[1]);
  const end = parts[2] === '' ? length - 1 : Math.min(Number(parts[2]), length - 1);
  if (start >= length) return 'unsatisfiable';
  if (parts[2] !== '' && Number(parts[2]) < start) return undefined;
  return { start, bytes: end - start + 1 };
}
