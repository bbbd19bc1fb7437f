/**
 * Seeded draws that depend on nothing but the seed, the purpose and the ids: not on their order, not on how they are read.
 * Each id gets a number from a hash, and a draw of k takes the k smallest.
 */
export interface Draw {
  /** A number in [0, 2^53), evenly spread; the same for the same seed, purpose and id. */
  keyOf(id: number): number;
}

export function seededDraw(seed: number, purpose: string): Draw {
  // Two hashes of the purpose with different bases, so that 53 bits are mixed and not 32.
  const high = hashText(purpose, mix(seed | 0, 0x9e3779b9));
  const low = hashText(purpose, mix(Math.floor(seed / 2 ** 32) ^ seed, 0x85ebca6b));
  return {
    keyOf: (id) => {
      const a = mix(id ^ high, low);
      const b = mix(id + 0x7ed55d16, a ^ high);
      return (a >>> 5) * 2 ** 26 + (b >>> 6);
    },
  };
}

/**
 * Draws `count` ids, in the order of the draw; memory is bounded by `count`. Ids with equal keys (about one pair in 10^4
 * draws from 64 million) are ordered by id.
 */
export class DrawOf {
  private readonly draw: Draw;
  private readonly countMax: number;
  /** A heap with the largest key at its root, and its ids beside it. */
  private readonly keys: number[] = [];
  private readonly ids: number[] = [];

  constructor(draw: Draw, countMax: number) {
    this.draw = draw;
    this.countMax = countMax;
  }

  /**
   * Offers an id (each one once) and says whether it is in the draw so far.
   * @param onDropped told of the id that makes room for it
   */
  offer(id: number, onDropped?: (id: number) => void): boolean {
    if (this.countMax === 0) return false;
    const key = this.draw.keyOf(id);
    if (this.keys.length < this.countMax) {
      this.keys.push(key);
      this.ids.push(id);
      this.rise(this.keys.length - 1);
      return true;
    }
    if (key > this.keys[0]! || (key === this.keys[0]! && id >= this.ids[0]!)) return false;
    onDropped?.(this.ids[0]!);
    this.keys[0] = key;
    this.ids[0] = id;
    this.sink(0);
    return true;
  }

  /** The drawn ids, smallest key first. */
  result(): number[] {
    return this.ids
      .map((id, index) => ({ id, key: this.keys[index]! }))
      .sort((one, other) => one.key - other.key || one.id - other.id)
      .map(({ id }) => id);
  }

  private above(one: number, other: number): boolean {
    const difference = this.keys[one]! - this.keys[other]!;
    return difference > 0 || (difference === 0 && this.ids[one]! > this.ids[other]!);
  }

  private swap(one: number, other: number): void {
    [this.keys[one], this.keys[other]] = [this.keys[other]!, this.keys[one]!];
    [this.ids[one], this.ids[other]] = [this.ids[other]!, this.ids[one]!];
  }

  private rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.above(at, parent)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private sink(from: number): void {
    for (let at = from; ; ) {
      const left = 2 * at + 1;
      if (left >= this.keys.length) return;
      const larger = left + 1 < this.keys.length && this.above(left + 1, left) ? left + 1 : left;
      if (!this.above(larger, at)) return;
      this.swap(larger, at);
      at = larger;
    }
  }
}

/** The draw of `count` from `ids`. */
export function drawIds(ids: Iterable<number>, count: number, seed: number, purpose: string): number[] {
  const drawn = new DrawOf(seededDraw(seed, purpose), count);
  for (const id of ids) drawn.offer(id);
  return drawn.result();
}

function hashText(text: string, seed: number): number {
  let hash = seed | 0;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix(hash, text.length);
}

/** The finaliser of MurmurHash3 (32 bits) over two words: every input bit changes about half of the output bits. */
function mix(value: number, salt: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b) ^ salt;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x7feb352d);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x846ca68b);
  return (hash ^ (hash >>> 16)) | 0;
}
