// A shard: the embeddings of one work batch, all of one recipe. Little endian.
//
//     0  8   magic FLEMBED1
//     8  4   rows
//    12  4   dimensions
//    16 32   sha256 of the recipe
//    48  4   CRC-32 of the 48 bytes before and of the index
//    52  4   0
//    56      index: rows x (PageID 4, sha256 of the image 32)
//            values: rows x (dimensions half floats, CRC-32 of PageID, image sha256 and the half floats)
//
// Each row has its own sum, so that a reader who knows from the database what row k holds can check it without reading the rest.
import { crc32 } from 'node:zlib';
import { toHalf } from '@florilegium/ensemble/arithmetic';
import { internal } from '@florilegium/errors';
import type { ShardPart } from '../domain/embedding.ts';

const MAGIC = Buffer.from('FLEMBED1', 'latin1');
const HEADER_BYTES = 56;
const INDEX_ENTRY_BYTES = 36;
const SUM_BYTES = 4;

export interface ShardRow {
  pageId: number;
  /** Lower-case hex. */
  imageSha256: string;
}

export interface EmbeddingRow extends ShardRow {
  values: Float32Array;
}

export interface ShardHeader {
  recipeSha256: string;
  dimensions: number;
  rowCount: number;
}

/** Where row `row` lies in the file. */
export function rowRange({ rowCount, dimensions }: Pick<ShardHeader, 'rowCount' | 'dimensions'>, row: number) {
  const bytes = dimensions * 2 + SUM_BYTES;
  return { start: HEADER_BYTES + rowCount * INDEX_ENTRY_BYTES + row * bytes, bytes };
}

/** @throws internal when a row does not have `dimensions` values */
export function encodeShard(recipeSha256: string, dimensions: number, rows: readonly EmbeddingRow[]): Buffer {
  const header: ShardHeader = { recipeSha256, dimensions, rowCount: rows.length };
  const file = Buffer.alloc(rowRange(header, rows.length).start);
  MAGIC.copy(file);
  file.writeUInt32LE(rows.length, 8);
  file.writeUInt32LE(dimensions, 12);
  file.write(recipeSha256, 16, 'hex');
  for (const [row, { pageId, imageSha256, values }] of rows.entries()) {
    if (values.length !== dimensions) throw internal(`page ${pageId} has ${values.length} values, not ${dimensions}`);
    const entry = HEADER_BYTES + row * INDEX_ENTRY_BYTES;
    file.writeInt32LE(pageId, entry);
    file.write(imageSha256, entry + 4, 'hex');
    const { start, bytes } = rowRange(header, row);
    for (let at = 0; at < dimensions; at++) file.writeUInt16LE(toHalf(values[at]!), start + at * 2);
    file.writeUInt32LE(
      rowSum(file.subarray(entry, entry + INDEX_ENTRY_BYTES), file.subarray(start, start + dimensions * 2)),
      start + bytes - SUM_BYTES,
    );
  }
  file.writeUInt32LE(headSum(file, rows.length), 48);
  return file;
}

/** Header and index of a whole shard, or of its first bytes. @throws internal naming what is wrong with it */
export function decodeShardIndex(file: Buffer, name: string): ShardHeader & { rows: ShardRow[] } {
  if (file.length < HEADER_BYTES || !file.subarray(0, 8).equals(MAGIC))
    throw internal(`${name} is not a shard of embeddings`);
  const rowCount = file.readUInt32LE(8);
  const dimensions = file.readUInt32LE(12);
  if (file.length < HEADER_BYTES + rowCount * INDEX_ENTRY_BYTES) throw internal(`${name} is cut within its index`);
  if (file.readUInt32LE(48) !== headSum(file, rowCount))
    throw internal(`${name} is damaged: its header's sum is wrong`);
  const rows = Array.from({ length: rowCount }, (_, row): ShardRow => {
    const entry = HEADER_BYTES + row * INDEX_ENTRY_BYTES;
    return { pageId: file.readInt32LE(entry), imageSha256: file.toString('hex', entry + 4, entry + INDEX_ENTRY_BYTES) };
  });
  return { recipeSha256: file.toString('hex', 16, 48), dimensions, rowCount, rows };
}

/**
 * The half floats of one row, as they lie in the file: `bytes` is what `rowRange` says, `expected` what the row should hold.
 * @throws internal when the bytes are those of another row or damaged
 */
export function checkedRow(bytes: Buffer, expected: ShardRow, name: string): Buffer {
  expectedEntry.write(expected.imageSha256, 4, 'hex');
  return checkedAgainst(bytes, expected.pageId, name);
}

/** Checks each row of a part in the span of the file that begins at `start`, and tells where its half floats begin there. @throws as `checkedRow` */
export function checkedStarts(
  span: Buffer,
  start: number,
  { shard, pageIds, rows, imageSha256s }: ShardPart,
): Int32Array {
  const starts = new Int32Array(rows.length);
  for (let index = 0; index < rows.length; index++) {
    const range = rowRange(shard, rows[index]!);
    const from = range.start - start;
    imageSha256s.copy(expectedEntry, 4, index * 32, index * 32 + 32);
    checkedAgainst(span.subarray(from, from + range.bytes), pageIds[index]!, shard.key);
    starts[index] = from;
  }
  return starts;
}

/** The hash of the image stands in `expectedEntry` already. */
function checkedAgainst(bytes: Buffer, pageId: number, name: string): Buffer {
  const values = bytes.subarray(0, bytes.length - SUM_BYTES);
  expectedEntry.writeInt32LE(pageId);
  if (bytes.length <= SUM_BYTES || bytes.readUInt32LE(bytes.length - SUM_BYTES) !== rowSum(expectedEntry, values))
    throw internal(`${name} is damaged: the sum of page ${pageId} is wrong`);
  return values;
}

/** Written anew for each row that is checked: a buffer a row would be most of what reading leaves to collect. */
const expectedEntry = Buffer.alloc(INDEX_ENTRY_BYTES);
const rowSum = (entry: Buffer, values: Buffer) => crc32(values, crc32(entry));
const headSum = (file: Buffer, rowCount: number) =>
  crc32(file.subarray(HEADER_BYTES, HEADER_BYTES + rowCount * INDEX_ENTRY_BYTES), crc32(file.subarray(0, 48)));
