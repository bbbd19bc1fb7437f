import { createHash } from 'node:crypto';
import { internal } from '@florilegium/errors';

/** Passes the pieces on and ends in an error in place of the end when they do not hash to `sha256`. */
export async function* checkingHash(
  key: string,
  source: AsyncIterable<Buffer>,
  sha256: string,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of source) {
    hash.update(piece);
    yield piece;
  }
  assertHash(key, sha256, hash.digest('hex'));
}

export function assertHash(key: string, expected: string, actual: string): void {
  if (expected !== actual) throw internal(`object ${key} hashes to ${actual}, expected ${expected}`);
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
