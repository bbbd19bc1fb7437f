import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { invalidArgument } from '@florilegium/errors';

/** A file's bytes in order: a read stream, a fetch body, or an array of buffers in a test. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

// Fewer, larger steps: each inflated block costs one hop to the thread pool and back.
const inflatedBlockBytes = 256 * 1024;

/**
 * The bytes of `source`, inflated when they begin with gzip's magic number (the file's name is not trusted).
 * Concatenated gzip members are read as one file.
 * @throws AppError invalid_argument naming `file`, and the line where `linesRead` tells it, when the gzip data is damaged
 * or cut short. An error of the source itself passes through unchanged.
 */
export async function* inflateIfGzip(
  source: ByteSource,
  file: string,
  linesRead?: () => number,
): AsyncGenerator<Buffer> {
  const iterator = iteratorOf(source);
  let head = Buffer.alloc(0);
  let ended = false;
  while (head.length < 2 && !ended) {
    const next = await iterator.next();
    ended = next.done === true;
    if (!next.done) head = Buffer.concat([head, next.value]);
  }
  const bytes = prepend(head, iterator);
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* bytes;
    return;
  }
  const gunzip = createGunzip({ chunkSize: inflatedBlockBytes });
  // The callback only marks the failure as handled; the same error reaches the reader below.
  const input = Readable.from(bytes, { objectMode: false, highWaterMark: 1024 * 1024 });
  let inputError: Error | undefined;
  input.on('error', (error) => {
    inputError = error;
  });
  pipeline(input, gunzip, () => {});
  try {
    for await (const block of gunzip) yield block as Buffer;
  } catch (error) {
    // A broken connection is the source's fault and stays what it is; only damaged data is the file's.
    if (inputError) throw inputError;
    const line = linesRead?.();
    const where = line === undefined ? '' : ` after line ${line}`;
    throw invalidArgument(`${file} is not a sound gzip file: ${gzipFaultOf(error)}${where}`, {
      details: { file, line },
      cause: error,
    });
  }
}

function gzipFaultOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'Z_BUF_ERROR') return 'it ends too early';
  return message ?? String(error);
}

function iteratorOf(source: ByteSource): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

async function* prepend(head: Buffer, rest: AsyncIterator<Uint8Array> | Iterator<Uint8Array>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      const { buffer, byteOffset, byteLength } = next.value;
      yield Buffer.from(buffer, byteOffset, byteLength);
    }
  } finally {
    await rest.return?.();
  }
}
