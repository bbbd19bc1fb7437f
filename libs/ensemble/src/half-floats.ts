let singles: Float32Array | undefined;

/** Half floats (IEEE 754 binary16, little endian) as single floats; lossless. An odd last byte is left out. */
export function decodeHalfFloats(bytes: Uint8Array): Float32Array {
  singles ??= Float32Array.from({ length: 0x1_0000 }, (_, bits) => singleOf(bits));
  const result = new Float32Array(bytes.length >> 1);
  for (let at = 0; at < result.length; at++) result[at] = singles[bytes[2 * at]! | (bytes[2 * at + 1]! << 8)]!;
  return result;
}

function singleOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
