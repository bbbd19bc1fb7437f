import type { FastifyReply } from 'fastify';

/** 202: the image is being fetched. */
export function sendComing(reply: FastifyReply, retryAfterMs: number): FastifyReply {
  return reply
    .code(202)
    .headers({ 'retry-after': Math.ceil(retryAfterMs / 1000), 'cache-control': 'no-store' })
    .send({ state: 'coming', detail: 'the image is being fetched; ask again' });
}
