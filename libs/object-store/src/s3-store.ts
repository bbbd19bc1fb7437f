import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { AppError, failedPrecondition, invalidArgument, notFound, unavailable } from '@florilegium/errors';
import { assertHash, checkingHash, sha256Of } from './check-hash.ts';
import { assertKey, assertPrefix, contentKey } from './keys.ts';
import type { GetOptions, ObjectBody, ObjectHead, ObjectStore, StoredObject } from './object-store.ts';

const connectTimeoutMs = 5_000;
// Without a byte, not for the whole of an object.
const silenceTimeoutMs = 30_000;
const attemptsMax = 4;
const partBytes = 8 << 20;
// What was modified within this time is young enough for whoever clears away old objects; touching it each time would cost a copy a put.
const freshMs = 1_800_000;

/**
 * Objects in a bucket of S3 or of a server that speaks it, under an optional prefix that no key shows. A write is one PutObject, or for a
 * stream a multipart upload that is completed or aborted: an object is there whole or not at all.
 */
export async function openS3Store(url: URL): Promise<ObjectStore> {
  const { bucket, root, client } = connect(url);
  const full = (key: string) => root + key;
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (statusOf(error) === 404) throw failedPrecondition(`bucket ${bucket} does not exist`, { cause: error });
    throw translated(error, `bucket ${bucket}`);
  }

  async function head(key: string): Promise<ObjectHead | undefined> {
    try {
      const about = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: full(key) }));
      return { key, bytes: about.ContentLength ?? 0, modifiedAt: about.LastModified ?? new Date(0) };
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw translated(error, key);
    }
  }

  /** Whether it is there with this length; one that is counts as modified now: by a copy onto itself, for which S3 wants new metadata. */
  async function touchSame(key: string, bytes: number): Promise<boolean> {
    const about = await head(key);
    if (about?.bytes !== bytes) return false;
    if (Date.now() - about.modifiedAt.getTime() < freshMs) return true;
    try {
      await client.send(
        new CopyObjectCommand({
          Bucket: bucket,
          Key: full(key),
          CopySource: `${bucket}/${full(key).split('/').map(encodeURIComponent).join('/')}`,
          MetadataDirective: 'REPLACE',
        }),
      );
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw translated(error, key);
    }
  }

  async function putBytes(key: string, body: Uint8Array): Promise<void> {
    await client
      .send(new PutObjectCommand({ Bucket: bucket, Key: full(key), Body: body, ContentLength: body.length }))
      .catch((error: unknown) => {
        throw translated(error, key);
      });
  }

  async function putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash('sha256');
    let bytes = 0;
    let failure: unknown;
    async function* passing() {
      try {
        for await (const piece of body) {
          hash.update(piece);
          bytes += piece.length;
          yield piece;
        }
      } catch (error) {
        failure = error;
        throw error;
      }
    }
    const upload = new Upload({
      client,
      params: { Bucket: bucket, Key: full(key), Body: Readable.from(passing(), { objectMode: false }) },
      partSize: partBytes,
      queueSize: 2,
    });
    try {
      await upload.done();
    } catch (error) {
      // The caller's own failure is theirs, not the store's.
      throw failure ?? translated(error, key);
    }
    return { bytes, sha256: hash.digest('hex') };
  }

  async function openForRead(key: string, { range, sha256 }: GetOptions): Promise<{ bytes: number; stream: Readable }> {
    assertKey(key);
    if (!range) return await ask(key, undefined);
    if (sha256) throw invalidArgument('a hash cannot be checked on a range', { field: 'range' });
    const { start } = range;
    const about = await head(key);
    if (!about) throw notFound('object', key);
    const wanted = range.bytes ?? about.bytes;
    if (!Number.isInteger(start) || start < 0 || start > about.bytes || !Number.isInteger(wanted) || wanted < 0)
      throw invalidArgument(`range ${start}+${wanted} is not within the ${about.bytes} bytes of ${key}`, {
        field: 'range',
      });
    const length = Math.min(wanted, about.bytes - start);
    if (length === 0) return { bytes: 0, stream: Readable.from([]) };
    return await ask(key, `bytes=${start}-${start + length - 1}`);
  }

  async function ask(key: string, range: string | undefined): Promise<{ bytes: number; stream: Readable }> {
    try {
      const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: full(key), Range: range }));
      return { bytes: answer.ContentLength ?? 0, stream: answer.Body as Readable };
    } catch (error) {
      if (statusOf(error) === 404) throw notFound('object', key, { cause: error });
      throw translated(error, key);
    }
  }

  async function putContent(
    prefix: string,
    extension: string,
    body: ObjectBody,
    known?: { sha256: string },
  ): Promise<StoredObject> {
    contentKey(prefix, '0'.repeat(64), extension);
    // The key is known at the end of a stream only: it waits on disk, and nothing shows under a name that is not its own.
    if (!(body instanceof Uint8Array)) return await spooled(body, (path) => putFile(prefix, extension, path));
    const sha256 = known?.sha256 ?? sha256Of(body);
    const key = contentKey(prefix, sha256, extension);
    if (!(await touchSame(key, body.length))) await putBytes(key, body);
    return { key, bytes: body.length, sha256 };
  }

  return {
    async put(key, body) {
      assertKey(key);
      if (!(body instanceof Uint8Array)) return { key, ...(await putStream(key, body)) };
      await putBytes(key, body);
      return { key, bytes: body.length, sha256: sha256Of(body) };
    },

    putContent,

    // A write is durable when it is answered.
    async handContent(prefix, extension, bytes, known) {
      return { stored: await putContent(prefix, extension, bytes, known), durable: Promise.resolve() };
    },

    async get(key, options = {}) {
      const { bytes, stream } = await openForRead(key, options);
      const pieces: Buffer[] = [];
      let length = 0;
      for await (const piece of stream as AsyncIterable<Buffer>) {
        pieces.push(piece);
        length += piece.length;
      }
      if (length !== bytes) throw unavailable(`object ${key} ended after ${length} of ${bytes} bytes`);
      const content = concatInto(pieces, length, options.into);
      if (options.sha256) assertHash(key, options.sha256, sha256Of(content));
      return content;
    },

    async getStream(key, options = {}) {
      const { bytes, stream } = await openForRead(key, options);
      if (!options.sha256) return { bytes, stream };
      return { bytes, stream: Readable.from(checkingHash(key, stream, options.sha256), { objectMode: false }) };
    },

    async head(key) {
      assertKey(key);
      return await head(key);
    },

    async *list(prefix) {
      assertPrefix(prefix);
      let token: string | undefined;
      do {
        const page = await client
          .send(new ListObjectsV2Command({ Bucket: bucket, Prefix: full(prefix), ContinuationToken: token }))
          .catch((error: unknown) => {
            throw translated(error, prefix);
          });
        for (const { Key, Size, LastModified } of page.Contents ?? [])
          yield { key: Key!.slice(root.length), bytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) };
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
    },

    delete: remove,

    async deleteUntouched(key, since) {
      assertKey(key);
      const about = await head(key);
      if (!about || about.modifiedAt > since) return false;
      await remove(key);
      return true;
    },
  };

  async function remove(key: string): Promise<void> {
    assertKey(key);
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: full(key) })).catch((error: unknown) => {
      throw translated(error, key);
    });
  }

  async function putFile(prefix: string, extension: string, file: { path: string; bytes: number; sha256: string }) {
    const key = contentKey(prefix, file.sha256, extension);
    if (!(await touchSame(key, file.bytes))) await putStream(key, createReadStream(file.path));
    return { key, bytes: file.bytes, sha256: file.sha256 };
  }
}

function connect(url: URL): { bucket: string; root: string; client: S3Client } {
  const bad = (text: string) => invalidArgument(`${JSON.stringify(url.href)}: ${text}`, { field: 'OBJECT_STORE' });
  const bucket = url.hostname;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw bad('no bucket is named');
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  if (prefix !== '') assertKey(prefix);
  const known = ['endpoint', 'region', 'pathStyle'];
  for (const name of url.searchParams.keys())
    if (!known.includes(name)) throw bad(`${name} is not one of ${known.join(', ')}`);
  const endpoint = url.searchParams.get('endpoint') ?? undefined;
  if (endpoint !== undefined && !/^https?:\/\//.test(endpoint)) throw bad('endpoint is no http or https address');
  const pathStyle = url.searchParams.get('pathStyle') ?? String(endpoint !== undefined);
  if (pathStyle !== 'true' && pathStyle !== 'false') throw bad('pathStyle is neither true nor false');
  const client = new S3Client({
    region: url.searchParams.get('region') ?? 'us-east-1',
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: pathStyle === 'true',
    maxAttempts: attemptsMax,
    // Not every server that speaks S3 knows the newer checksums; readers check SHA-256 themselves.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketTimeout: silenceTimeoutMs,
      httpAgent: { maxSockets: 64 },
      httpsAgent: { maxSockets: 64 },
    },
  });
  return { bucket, root: prefix === '' ? '' : `${prefix}/`, client };
}

function concatInto(pieces: readonly Buffer[], length: number, into: Uint8Array | undefined): Buffer {
  if (!into || into.length < length) return Buffer.concat(pieces, length);
  let at = 0;
  for (const piece of pieces) {
    into.set(piece, at);
    at += piece.length;
  }
  return Buffer.from(into.buffer, into.byteOffset, length);
}

async function spooled<Result>(
  body: AsyncIterable<Uint8Array>,
  use: (file: { path: string; bytes: number; sha256: string }) => Promise<Result>,
): Promise<Result> {
  const path = join(tmpdir(), `florilegium-object-${randomUUID()}`);
  const file = await open(path, 'wx', 0o600);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const piece of body) {
        hash.update(piece);
        bytes += piece.length;
        await file.writeFile(piece);
      }
    } finally {
      await file.close();
    }
    return await use({ path, bytes, sha256: hash.digest('hex') });
  } finally {
    await rm(path, { force: true });
  }
}

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);

/** What the SDK has tried again already: the store is away or refuses us, which is nothing that the caller did. */
function translated(error: unknown, what: string): AppError {
  if (error instanceof AppError) return error;
  const name = error instanceof Error ? error.name : 'unknown error';
  return unavailable(`object store: ${what}: ${name}`, { cause: error });
}
