import type { Random } from './stream.ts';

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
