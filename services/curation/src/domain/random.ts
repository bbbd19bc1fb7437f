/** A stream of random numbers that is the same for the same seed, on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Whole number in [0, n). */
  below(n: number): number;
}

/** Spreads a text over 32 bits (FNV-1a, then murmur3's finaliser, without which near texts would stay near). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return mix(hash);
}

/**
 * A page's place in a draw, uniform in [0, 2^53). It depends only on the seed and the page, so that a draw is the
 * same whatever the order in which the pages are streamed.
 */
export function drawKey(seed: string, pageId: number): number {
  const high = mix(hashText(seed) ^ Math.imul(pageId, 0x9e3779b1));
  const low = mix(high ^ mix(pageId + 0x85ebca6b));
  return (high >>> 0) * 2 ** 21 + (low >>> 11);
}

/** Mulberry32 started from the text's hash: plenty for draws of some thousand pages, and four lines long. */
export function seededRandom(seed: string): Random {
  let state = hashText(seed);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (n) => Math.floor(next() * n) };
}

function normal(random: Random): number {
  // 1 - next() keeps the logarithm's argument above zero.
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Gamma(shape, 1) by Marsaglia and Tsang (2000); shapes under 1 by their power-of-a-uniform step. */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A draw from Beta(a, b), a and b above 0. */
export function betaDraw(a: number, b: number, random: Random): number {
  const x = gamma(a, random);
  const sum = x + gamma(b, random);
  return sum === 0 ? a / (a + b) : x / sum;
}

/** A draw from Binomial(n, p): exact up to a variance of 100, by the rounded normal above it. */
export function binomialDraw(n: number, p: number, random: Random): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomialDraw(n, 1 - p, random);
  const variance = n * p * (1 - p);
  if (variance > 100) {
    const draw = Math.round(n * p + Math.sqrt(variance) * normal(random));
    return Math.min(n, Math.max(0, draw));
  }
  // Jumps from success to success by geometric gaps: about n * p steps, at most some two hundred here.
  const logMiss = Math.log1p(-p);
  let successes = 0;
  let trial = 0;
  for (;;) {
    trial += Math.floor(Math.log(1 - random.next()) / logMiss) + 1;
    if (trial > n) return successes;
    successes++;
  }
}

function mix(hash: number): number {
  let h = hash | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
