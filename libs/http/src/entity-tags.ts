import { createHash } from 'node:crypto';
import type { HttpApp } from './create-http-app.ts';

/**
 * Gives every answer to a GET that is whole in memory an ETag of its content, and answers 304 to who has it already
 * (RFC 9110, sections 8.8.3 and 13.1.2). Streams, and routes that set an ETag themselves, are left alone. The work of
 * making the answer is done all the same: what is saved is the way.
 */
export function addEntityTags(app: HttpApp): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.method !== 'GET' || reply.statusCode !== 200) return payload;
    if (typeof payload !== 'string' || reply.hasHeader('etag')) return payload;
    if (!request.url.startsWith('/v1/')) return payload;
    const tag = `W/"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`;
    reply.header('etag', tag);
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'private, no-cache');
    const known = request.headers['if-none-match'];
    const isKnown = known === '*' || known?.split(',').some((one) => weak(one.trim()) === weak(tag));
    if (!isKnown) return payload;
    reply.code(304).removeHeader('content-length');
    return null;
  });
}

const weak = (tag: string) => tag.replace(/^W\//, '');
