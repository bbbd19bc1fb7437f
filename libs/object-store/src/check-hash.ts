import { createHash } from 'node:crypto';
import { internal } from '@florilegium/errors';

/**
 * Passes the pieces on and ends in an error when they do not hash to `sha256`. The last piece is held back until all are known to be right, so that
 * whoever counts the bytes sees that they broke off.
 */
export async function* checkingHash(
  key: string,
  source: AsyncIterable<Buffer>,
  sha256: string,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  for await (const piece of source) {
    hash.update(piece);
    if (held) yield held;
    held = piece;
  }
  assertHash(key, sha256, hash.digest('hex'));
  if (held) yield held;
}

export function assertHash(key: string, expected: string, actual: string): void {
  if (expected !== actual) throw internal(`object ${key} hashes to ${actual}, expected ${expected}`);
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
