import { createHash } from 'node:crypto';
import { internal, messageOf } from '@florilegium/errors';

/**
 * Everything that a member in training is, between two steps; what it will draw depends only on seed, member, epoch and step.
 *
 *     "FLCK", uint32 length of the JSON header, header, float32 arrays (weights, first moments, second moments, best weights if there are),
 *     sha256 of all that; little endian
 */
export interface Checkpoint {
  /** What is trained, as text; a checkpoint of something else is of no use. */
  identity: string;
  progress: Progress;
  arrays: Float32Array[];
}

export interface Progress {
  /** In work, from 1 on. */
  epoch: number;
  /** Steps of this epoch that are done. */
  step: number;
  /** Steps of all epochs that are done. */
  steps: number;
  /** Sum of the losses of this epoch's steps, each times its pages. */
  lossSum: number;
  /** Epoch of the least loss on stop pages; 0 when there is none yet. */
  bestEpoch: number;
  bestStopLoss: number | null;
  /** Of the last epoch that is done. */
  lastLoss: number;
}

const magic = 'FLCK';
const hashBytes = 32;

export function encodeCheckpoint({ identity, progress, arrays }: Checkpoint): Buffer {
  const header = Buffer.from(JSON.stringify({ format: 1, identity, progress, lengths: arrays.map((a) => a.length) }));
  const lead = Buffer.alloc(8);
  lead.write(magic, 'latin1');
  lead.writeUInt32LE(header.length, 4);
  const parts = [lead, header, ...arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return Buffer.concat([...parts, hash.digest()]);
}

/** Throws `internal` saying what is wrong when the bytes are not a whole checkpoint. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length < 8 + hashBytes || buffer.toString('latin1', 0, 4) !== magic) throw internal('not a checkpoint');
  const end = buffer.length - hashBytes;
  if (!createHash('sha256').update(buffer.subarray(0, end)).digest().equals(buffer.subarray(end)))
    throw internal('the checkpoint does not have its sha256');
  try {
    let start = 8 + buffer.readUInt32LE(4);
    const header = JSON.parse(buffer.toString('utf8', 8, start));
    if (header.format !== 1) throw new Error(`format ${header.format}, this version reads 1`);
    const arrays = (header.lengths as number[]).map((length) => {
      // A copy: the header's length leaves the floats unaligned.
      const copy = new Uint8Array(buffer.subarray(start, start + 4 * length));
      start += 4 * length;
      return new Float32Array(copy.buffer);
    });
    return { identity: header.identity, progress: header.progress, arrays };
  } catch (error) {
    throw internal(`the checkpoint cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
