import type { Readable } from 'node:stream';

/**
 * Objects by key, the same above a folder and above S3. An object is there whole or not at all: nobody ever sees a part of
 * one, and what `put` has returned survives a crash of the machine. Keys are checked by every method (see `assertKey`).
 */
export interface ObjectStore {
  /** Writes or replaces the object at `key`. */
  put(key: string, body: ObjectBody): Promise<StoredObject>;
  /**
   * Writes the bytes under the key that their hash gives (see `contentKey`); bytes that are there already are not written again, but
   * count as modified now. Whoever has hashed a buffer already may give its hash, which is taken as it is.
   */
  putContent(prefix: string, extension: string, body: ObjectBody, known?: { sha256: string }): Promise<StoredObject>;
  /**
   * As `putContent`, for those who write many: resolves when the bytes have been taken over and the buffer may be forgotten. They lie in their
   * place, and survive a crash of the machine, when `durable` resolves; many that are handed over meanwhile share the disk's flushes.
   */
  handContent(prefix: string, extension: string, bytes: Uint8Array, known?: { sha256: string }): Promise<HandedObject>;
  /** The whole object, or the part in `range`. Throws not_found; internal when the hash differs from `sha256`. */
  get(key: string, options?: GetOptions): Promise<Buffer>;
  /** The same as a stream. A wrong hash shows as an error in place of the stream's last piece. */
  getStream(key: string, options?: GetOptions): Promise<{ bytes: number; stream: Readable }>;
  /** What is known without reading the object; undefined where there is none. */
  head(key: string): Promise<ObjectHead | undefined>;
  /** Every object whose key starts with `prefix`, in the order of their keys' bytes; a directory at a time is in memory. */
  list(prefix: string): AsyncIterable<ObjectHead>;
  /** Removes the object; one that is not there is no error. */
  delete(key: string): Promise<void>;
  /**
   * Removes an object named after its content unless somebody wrote it, or put the same bytes again, after `since`; false when it stays. In a
   * folder no put is lost to it. S3 has no delete under a condition: a put in the milliseconds between look and delete is.
   */
  deleteUntouched(key: string, since: Date): Promise<boolean>;
}

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>;

export interface StoredObject {
  key: string;
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
}

export interface HandedObject {
  stored: StoredObject;
  /** Rejects when the object could not be written after all. */
  durable: Promise<void>;
}

export interface ObjectHead {
  key: string;
  bytes: number;
  modifiedAt: Date;
}

export interface GetOptions {
  /** Bytes from `start`, `bytes` of them or to the end; a start past the end throws invalid_argument. */
  range?: { start: number; bytes?: number };
  /** Where `get` puts the bytes if there is room for them; its result is a view of it then. Reading much, anew each time, leaves much to collect. */
  into?: Uint8Array;
  /** What the whole object must hash to (lower-case hex); cannot be checked on a range. */
  sha256?: string;
}
