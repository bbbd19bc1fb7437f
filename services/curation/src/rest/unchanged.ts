import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HqList } from '../repos/hq-lists.repo.ts';

/** A frozen version never changes: readers may keep it for a year, and ask again with its tag. Answers 304 where they did. */
export function isUnchanged(request: FastifyRequest, reply: FastifyReply, list: HqList, form: string): boolean {
  const tag = `"${list.id}-${form}"`;
  reply.header('etag', tag).header('cache-control', 'private, max-age=31536000, immutable');
  const known = request.headers['if-none-match']?.split(',').map((part) => part.trim().replace(/^W\//, ''));
  if (!known?.some((part) => part === tag || part === '*')) return false;
  void reply.code(304).send();
  return true;
}
