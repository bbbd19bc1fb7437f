import { invalidArgument } from '@florilegium/errors';

const segment = /^[A-Za-z0-9][A-Za-z0-9._=-]*$/;
const sha256Hex = /^[0-9a-f]{64}$/;

/**
 * Throws invalid_argument unless `key` is segments of letters, digits and `._=-`, each starting with a letter or a digit and joined
 * by single slashes, 512 characters at most. So no key is absolute, climbs (`..`), hides (`.name`) or means two things to two stores.
 */
export function assertKey(key: string): void {
  if (key.length > 512 || !key.split('/').every((part) => segment.test(part) && part.length <= 255)) {
    throw invalidArgument(`${JSON.stringify(key.slice(0, 200))} is no object key`, { field: 'key' });
  }
}

/** As `assertKey`, for the start of keys: may be empty, and may end in a slash or in the middle of a segment. */
export function assertPrefix(prefix: string): void {
  if (prefix !== '') assertKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

// What surrounds the hash is the same for millions of keys. A few programs' worth is remembered.
const checkedFrames = new Set<string>();
const checkedFramesMax = 256;

/** `{prefix}/{sha256[0:2]}/{sha256}.{extension}`: one key for one content, 256 folders a prefix. */
export function contentKey(prefix: string, sha256: string, extension: string): string {
  if (!sha256Hex.test(sha256)) throw invalidArgument('a SHA-256 is 64 lower-case hex digits', { field: 'sha256' });
  const key = `${prefix}/${sha256.slice(0, 2)}/${sha256}.${extension}`;
  const frame = `${prefix}/.${extension}`;
  if (!checkedFrames.has(frame)) {
    assertKey(key);
    if (checkedFrames.size < checkedFramesMax) checkedFrames.add(frame);
  }
  return key;
}
