// IEEE 754 binary16, little endian, which Node 22 has no typed array for. Three decimal digits are more than an embedding carries.

const bits = new Uint32Array(1);
const number = new Float32Array(bits.buffer);

/** Largest finite half float. */
export const HALF_MAX = 65_504;

/** Nearest half float, ties to even; beyond the range it is held at HALF_MAX. NaN is not for embeddings and stays NaN. */
export function toHalf(value: number): number {
  number[0] = Math.max(-HALF_MAX, Math.min(HALF_MAX, value));
  const word = bits[0]!;
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const fraction = word & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7e00;
  const shifted = exponent - 112;
  if (shifted <= 0) {
    // Subnormal: the unit is 2^-24.
    if (shifted < -10) return sign;
    const full = fraction | 0x800000;
    const drop = 14 - shifted;
    return sign + roundedShift(full, drop);
  }
  // A carry out of the fraction runs into the exponent, as it should.
  return sign + (shifted << 10) + roundedShift(fraction, 13);
}

function roundedShift(value: number, drop: number): number {
  const kept = value >>> drop;
  const rest = value & ((1 << drop) - 1);
  const half = 1 << (drop - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** Half float as 16 bits -> number, for all of them: the fastest way there is to read many. */
export const halfValues = Float32Array.from({ length: 65_536 }, (_, half) => {
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
});

/** Half floats as single floats, into `out` from `offset`; lossless. An odd last byte is left out. */
export function readHalfFloats(bytes: Uint8Array, out: Float32Array, offset = 0): void {
  const count = bytes.length >> 1;
  for (let at = 0, from = 0; at < count; at++, from += 2)
    out[offset + at] = halfValues[bytes[from]! | (bytes[from + 1]! << 8)]!;
}

export function decodeHalfFloats(bytes: Uint8Array): Float32Array {
  const result = new Float32Array(bytes.length >> 1);
  readHalfFloats(bytes, result);
  return result;
}
