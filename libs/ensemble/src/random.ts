/** A stream of numbers in [0, 1) that depends on nothing but its seed. */
export type Random = () => number;

/**
 * mulberry32, fed with a hash of every part of the seed, so that (1, 2) and (2, 1) give different streams.
 * Parts are integers up to 2^53; what matters is that the same parts give the same stream on every machine.
 */
export function randomFrom(...seedParts: number[]): Random {
  let state = 0x9e3779b9;
  for (const part of seedParts) {
    state = mix(state ^ (part % 0x1_0000_0000));
    state = mix(state ^ Math.floor(part / 0x1_0000_0000));
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return (mix(state) >>> 0) / 0x1_0000_0000;
  };
}

/** Fisher-Yates on a copy. */
export function shuffled<T>(values: Iterable<T>, random: Random): T[] {
  const result = [...values];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), value | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return mixed ^ (mixed >>> 14);
}
