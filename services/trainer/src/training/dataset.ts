import { decodeHalfFloats, type PageLabel } from '@florilegium/ensemble/arithmetic';
import { internal } from '@florilegium/errors';

/**
 * What an ensemble trains on, as one object: embeddings as inference gave them (half floats), pages in ascending PageID. Networks train on
 * pixels, which are an object of their own: their pages have embeddings of 0 dimensions.
 *
 *     "FLDS", uint32 length of the JSON header, header, int32 PageIDs, int32 ItemIDs, uint8 labels, halves [pages, dims]; little endian
 */
export interface Dataset {
  dims: number;
  pageIds: Int32Array;
  itemIds: Int32Array;
  labels: PageLabel[];
  /** 2 x pages x dims bytes. */
  halves: Uint8Array;
}

const magic = 'FLDS';
const labelCodes: readonly PageLabel[] = ['HQ', 'LQ', 'NOT_SURE'];

/** Equal datasets give equal bytes. */
export function encodeDataset({ dims, pageIds, itemIds, labels, halves }: Dataset): Buffer {
  const header = Buffer.from(JSON.stringify({ format: 1, dims, pageCount: labels.length }));
  const lead = Buffer.alloc(8);
  lead.write(magic, 'latin1');
  lead.writeUInt32LE(header.length, 4);
  return Buffer.concat([
    lead,
    header,
    littleEndian(pageIds),
    littleEndian(itemIds),
    Uint8Array.from(labels, (label) => labelCodes.indexOf(label)),
    halves,
  ]);
}

/** Throws internal when the bytes are not a whole dataset. */
export function decodeDataset(bytes: Uint8Array): Dataset & { rows: Float32Array } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length < 8 || buffer.toString('latin1', 0, 4) !== magic) throw internal('the object is not a dataset');
  const start = 8 + buffer.readUInt32LE(4);
  const { dims, pageCount } = JSON.parse(buffer.toString('utf8', 8, start)) as { dims: number; pageCount: number };
  const halvesStart = start + 9 * pageCount;
  if (buffer.length !== halvesStart + 2 * dims * pageCount) throw internal('the dataset is cut');
  const integers = (at: number) =>
    Int32Array.from({ length: pageCount }, (_, page) => buffer.readInt32LE(at + 4 * page));
  const halves = buffer.subarray(halvesStart);
  return {
    dims,
    pageIds: integers(start),
    itemIds: integers(start + 4 * pageCount),
    labels: Array.from(buffer.subarray(start + 8 * pageCount, halvesStart), (code) => labelCodes[code]!),
    halves,
    rows: decodeHalfFloats(halves),
  };
}

function littleEndian(integers: Int32Array): Buffer {
  const bytes = Buffer.alloc(integers.length * 4);
  for (const [at, value] of integers.entries()) bytes.writeInt32LE(value, at * 4);
  return bytes;
}
