/** A stream of random numbers that is the same for the same seed, on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Whole number in [0, n). */
  below(n: number): number;
}

/** A stream named by a text. */
export const seededRandom = (seed: string): Random => mulberry32(hashText(seed));

/**
 * A stream named by whole numbers up to 2^53, every one of which counts with its place: (1, 2) and (2, 1) give different streams.
 */
export function randomFrom(...seedParts: number[]): Random {
  let state = 0x9e3779b9;
  for (const part of seedParts) {
    state = scramble(state ^ (part % 0x1_0000_0000));
    state = scramble(state ^ Math.floor(part / 0x1_0000_0000));
  }
  return mulberry32(state);
}

/** Fisher-Yates on a copy. */
export function shuffled<T>(values: Iterable<T>, random: Random): T[] {
  const result = [...values];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

/**
 * An id's place in a draw named by a text, uniform in [0, 2^53). It depends only on the seed and the id, so that a draw is the
 * same whatever the order in which the ids are streamed.
 */
export function drawKey(seed: string, id: number): number {
  const high = mix(hashText(seed) ^ Math.imul(id, 0x9e3779b1));
  const low = mix(high ^ mix(id + 0x85ebca6b));
  return (high >>> 0) * 2 ** 21 + (low >>> 11);
}

/** Plenty for draws of some thousand numbers, and a few lines long. */
function mulberry32(seed: number): Random {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    return (scramble(state) >>> 0) / 0x1_0000_0000;
  };
  return { next, below: (n) => Math.floor(next() * n) };
}

function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), value | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return mixed ^ (mixed >>> 14);
}

/** Spreads a text over 32 bits (FNV-1a, then murmur3's finaliser, without which near texts would stay near). */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

function mix(hash: number): number {
  let h = hash | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
