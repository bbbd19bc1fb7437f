export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  range(low: number, high: number): number;
  /** Whole number in [low, high], both ends included. */
  int(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
  /** Mean 0, standard deviation about 1 (sum of twelve uniforms): bounded by 6, so no drawing ever explodes. */
  normal(): number;
  shuffle<T>(values: readonly T[]): T[];
  /** An independent stream named `name`: what one page draws never moves what the next one draws. */
  fork(name: string | number): Random;
}

/** A seeded stream of numbers (sfc32 over an FNV-1a hash of the seed): the same seed gives the same stream on every machine. */
export function createRandom(seed: string | number): Random {
  const key = String(seed);
  let a = hash32(`${key}#a`);
  let b = hash32(`${key}#b`);
  let c = hash32(`${key}#c`);
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  };
  // The first numbers still show the seed's bits; twelve rounds mix them away.
  for (let round = 0; round < 12; round++) next();
  const random: Random = {
    next,
    range: (low, high) => low + (high - low) * next(),
    int: (low, high) => low + Math.floor((high - low + 1) * next()),
    chance: (probability) => next() < probability,
    pick: (choices) => choices[Math.floor(next() * choices.length)]!,
    normal: () => {
      let sum = -6;
      for (let term = 0; term < 12; term++) sum += next();
      return sum;
    },
    shuffle: (values) => {
      const shuffled = [...values];
      for (let at = shuffled.length - 1; at > 0; at--) {
        const other = Math.floor(next() * (at + 1));
        [shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!];
      }
      return shuffled;
    },
    fork: (name) => createRandom(`${key}/${name}`),
  };
  return random;
}

function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  // FNV leaves the high bits of short keys alike; a final avalanche (murmur3's) spreads them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
