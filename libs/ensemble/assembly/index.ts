// The arithmetic on rows of half floats that runs over every page. JavaScript has neither half floats nor SIMD: it takes four times as long.
// Addresses are bytes; counts are numbers, of 16 together.

/**
 * Four half floats, as 32-bit numbers, to single floats: exponent and fraction move up by 13 bits and the bias is mended by a multiplication,
 * which makes subnormal ones right too; infinity and NaN get their exponent back.
 */
function widen(half: v128): v128 {
  const magnitude = v128.and(half, i32x4.splat(0x7fff));
  const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  const finite = f32x4.mul(i32x4.shl(magnitude, 13), f32x4.splat(reinterpret<f32>(0x77800000)));
  const exponent = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x7c00)), i32x4.splat(0x7f800000));
  return v128.or(v128.or(finite, sign), exponent);
}

/** `dims` half floats at `from` become single floats at `to`, with zeros up to `count`. */
export function decode(from: usize, to: usize, dims: i32, count: i32): void {
  const end = to + ((<usize>dims) << 2);
  for (; to < end; from += 16, to += 32) {
    const halves = v128.load(from);
    v128.store(to, widen(i32x4.extend_low_i16x8_u(halves)));
    v128.store(to, widen(i32x4.extend_high_i16x8_u(halves)), 16);
  }
  memory.fill(end, 0, (<usize>(count - dims)) << 2);
}

/** Sum of the products of `count` numbers at `a` and at `b`. */
export function dot(a: usize, b: usize, count: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  for (const end = a + ((<usize>count) << 2); a < end; a += 64, b += 64) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a, 32), v128.load(b, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a, 48), v128.load(b, 48)));
  }
  const lanes = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  return (
    f32x4.extract_lane(lanes, 0) +
    f32x4.extract_lane(lanes, 1) +
    (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

/** Takes `mean` from `count` numbers at `row` and multiplies with `scale`. */
export function standardise(row: usize, mean: usize, scale: usize, count: i32): void {
  for (const end = row + ((<usize>count) << 2); row < end; row += 16, mean += 16, scale += 16)
    v128.store(row, f32x4.mul(f32x4.sub(v128.load(row), v128.load(mean)), v128.load(scale)));
}

/** Adds `count` numbers at `row` to the double floats at `sums`, and their squares to those at `squares`. */
export function addMoments(row: usize, sums: usize, squares: usize, count: i32): void {
  for (const end = row + ((<usize>count) << 2); row < end; row += 8, sums += 16, squares += 16) {
    const two = f64x2.promote_low_f32x4(v128.load64_zero(row));
    v128.store(sums, f64x2.add(v128.load(sums), two));
    v128.store(squares, f64x2.add(v128.load(squares), f64x2.mul(two, two)));
  }
}
