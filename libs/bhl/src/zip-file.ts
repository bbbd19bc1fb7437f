import { pipeline, Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { invalidArgument } from '@florilegium/errors';

/** A file that can be read from any place: on a disk, or on a web server that serves ranges. */
export interface RandomAccess {
  bytesTotal: number;
  /** The bytes in [from, to). */
  read(from: number, to: number): AsyncIterable<Uint8Array>;
}

export interface ZipEntry {
  /** Path inside the archive, as it is written there. */
  name: string;
  bytes: number;
  compressedBytes: number;
  method: number;
  crc: number;
  headerOffset: number;
}

const endSignature = 0x06054b50;
const endBytes = 22;
const commentBytesMax = 65_535;
const wideLocatorSignature = 0x07064b50;
const wideLocatorBytes = 20;
const wideEndSignature = 0x06064b50;
const wideEndBytes = 56;
const entrySignature = 0x02014b50;
const entryBytes = 46;
const localSignature = 0x04034b50;
const localBytes = 30;
const wide32 = 0xffffffff;
const wide16 = 0xffff;
const wideExtraId = 1;
const directoryBytesMax = 16 * 1024 * 1024;
const inflatedBlockBytes = 256 * 1024;
const stored = 0;
const deflated = 8;

/**
 * The entries of a ZIP archive, by its central directory at the end of the file; archives above 4 GiB (ZIP64) too.
 * Format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
 * @throws AppError invalid_argument naming `file` when it is no sound archive.
 */
export async function listZipEntries(access: RandomAccess, file: string): Promise<ZipEntry[]> {
  const { offset, bytes } = await findDirectory(access, file);
  if (bytes > directoryBytesMax || offset + bytes > access.bytesTotal) throw unsound(file, 'its directory is damaged');
  const directory = await readWhole(access, offset, offset + bytes);
  const entries: ZipEntry[] = [];
  for (let at = 0; at + entryBytes <= directory.length; ) {
    if (directory.readUInt32LE(at) !== entrySignature) throw unsound(file, 'its directory is damaged');
    const nameBytes = directory.readUInt16LE(at + 28);
    const extraBytes = directory.readUInt16LE(at + 30);
    const nameEnd = at + entryBytes + nameBytes;
    const end = nameEnd + extraBytes + directory.readUInt16LE(at + 32);
    if (end > directory.length) throw unsound(file, 'its directory is cut short');
    const entry = {
      name: directory.toString('utf8', at + entryBytes, nameEnd),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    };
    entries.push(widened(entry, directory.subarray(nameEnd, nameEnd + extraBytes)));
    at = end;
  }
  return entries;
}

/**
 * An entry's bytes, inflated; its length and checksum are held against the directory's at its end.
 * @throws AppError invalid_argument naming `file` and the entry when it is damaged, encrypted or compressed in another way
 * than by deflate. An error of the archive's source passes through unchanged.
 */
export async function* readZipEntry(access: RandomAccess, entry: ZipEntry, file: string): AsyncGenerator<Buffer> {
  const header = await readWhole(access, entry.headerOffset, entry.headerOffset + localBytes);
  const where = `${file}: ${entry.name}`;
  if (header.length < localBytes || header.readUInt32LE(0) !== localSignature) {
    throw unsound(where, 'its header is not where the directory says');
  }
  if ((header.readUInt16LE(6) & 1) !== 0) throw unsound(where, 'it is encrypted');
  if (entry.method !== stored && entry.method !== deflated) {
    throw unsound(where, `it is compressed by method ${entry.method}, which is not supported`);
  }
  const from = entry.headerOffset + localBytes + header.readUInt16LE(26) + header.readUInt16LE(28);
  const raw = access.read(from, from + entry.compressedBytes);
  let checksum = 0;
  let bytes = 0;
  for await (const block of entry.method === stored ? raw : inflate(raw, where)) {
    const buffer = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    checksum = crc32(buffer, checksum);
    bytes += buffer.length;
    yield buffer;
  }
  if (bytes !== entry.bytes) throw unsound(where, `it has ${bytes} bytes instead of ${entry.bytes}`);
  if (checksum !== entry.crc) throw unsound(where, 'its checksum is wrong');
}

async function* inflate(raw: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<Uint8Array> {
  const inflating = createInflateRaw({ chunkSize: inflatedBlockBytes });
  const input = Readable.from(raw, { objectMode: false, highWaterMark: 1024 * 1024 });
  let inputError: Error | undefined;
  input.on('error', (error) => {
    inputError = error;
  });
  // The callback only marks the failure as handled; the same error reaches the reader below.
  pipeline(input, inflating, () => {});
  try {
    for await (const block of inflating) yield block as Buffer;
  } catch (error) {
    if (inputError) throw inputError;
    throw unsound(where, (error as Error).message, error);
  }
}

async function findDirectory(access: RandomAccess, file: string): Promise<{ offset: number; bytes: number }> {
  const tailFrom = Math.max(0, access.bytesTotal - endBytes - commentBytesMax - wideLocatorBytes);
  const tail = await readWhole(access, tailFrom, access.bytesTotal);
  let end = tail.length - endBytes;
  while (end >= 0 && tail.readUInt32LE(end) !== endSignature) end--;
  if (end < 0) throw unsound(file, 'it has no directory at its end');
  const narrow = { bytes: tail.readUInt32LE(end + 12), offset: tail.readUInt32LE(end + 16) };
  if (narrow.offset !== wide32 && narrow.bytes !== wide32 && tail.readUInt16LE(end + 10) !== wide16) return narrow;
  const locator = end - wideLocatorBytes;
  if (locator < 0 || tail.readUInt32LE(locator) !== wideLocatorSignature) return narrow;
  const wideFrom = toNumber(tail.readBigUInt64LE(locator + 8), file);
  const wide = await readWhole(access, wideFrom, wideFrom + wideEndBytes);
  if (wide.length < wideEndBytes || wide.readUInt32LE(0) !== wideEndSignature) {
    throw unsound(file, 'its directory is damaged');
  }
  return { bytes: toNumber(wide.readBigUInt64LE(40), file), offset: toNumber(wide.readBigUInt64LE(48), file) };
}

/** Sizes and offset that do not fit 32 bits stand in an extra field, in this order, each only where it is needed. */
function widened(entry: ZipEntry, extra: Buffer): ZipEntry {
  const wide = { ...entry };
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === wideExtraId) {
      let field = at + 4;
      for (const name of ['bytes', 'compressedBytes', 'headerOffset'] as const) {
        if (wide[name] !== wide32 || field + 8 > Math.min(end, extra.length)) continue;
        wide[name] = toNumber(extra.readBigUInt64LE(field), entry.name);
        field += 8;
      }
    }
    at = end;
  }
  return wide;
}

function toNumber(value: bigint, file: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw unsound(file, 'its directory is damaged');
  return Number(value);
}

async function readWhole(access: RandomAccess, from: number, to: number): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  for await (const block of access.read(from, Math.min(to, access.bytesTotal))) blocks.push(block);
  return Buffer.concat(blocks);
}

function unsound(file: string, fault: string, cause?: unknown) {
  return invalidArgument(`${file} is not a sound ZIP archive: ${fault}`, { details: { file }, cause });
}
