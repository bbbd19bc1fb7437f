import { invalidArgument } from '@florilegium/errors';
import type { FastifyRequest } from 'fastify';

/** The Idempotency-Key header, or undefined. @throws invalid_argument when it is longer than 200 characters or not printable ASCII */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined || key === '') return undefined;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(key))
    throw invalidArgument('Idempotency-Key must be 1 to 200 printable ASCII characters without blanks', {
      field: 'Idempotency-Key',
    });
  return key;
}
