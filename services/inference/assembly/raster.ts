/** Mean of each 2 x 2 block, rounded to the nearest: interleaved RGB [side, side, 3] -> [side / 2, side / 2, 3]. */
export function halve(rgb: usize, side: i32, out: usize): void {
  const stride: usize = side * 3;
  const half = side >> 1;
  const two = i16x8.splat(2);
  for (let y = 0; y < half; y++) {
    let from = rgb + <usize>(y * 2) * stride;
    // Two pixels come of four: twelve bytes of each row, of which every sixth to third are added to their neighbours.
    for (let x = 0; x < half; x += 2) {
      const above = v128.load(from);
      const below = v128.load(from + stride);
      const low = i16x8.add(i16x8.extend_low_i8x16_u(above), i16x8.extend_low_i8x16_u(below));
      const high = i16x8.add(i16x8.extend_high_i8x16_u(above), i16x8.extend_high_i8x16_u(below));
      const left = v128.shuffle<u16>(low, high, 0, 1, 2, 6, 7, 8, 8, 8);
      const right = v128.shuffle<u16>(low, high, 3, 4, 5, 9, 10, 11, 11, 11);
      const mean = i16x8.shr_u(i16x8.add(i16x8.add(left, right), two), 2);
      v128.store64_lane(out, i8x16.narrow_i16x8_u(mean, mean), 0);
      from += 12;
      out += 6;
    }
  }
}

/**
 * Of each pixel, the value of `table` at its luminance. `red`, `green` and `blue` hold what each 8-bit value adds to the luminance, in steps of
 * the table times 65,536; what is beyond `steps` gets the table's last value.
 */
export function toneOf(
  rgb: usize,
  pixels: i32,
  red: usize,
  green: usize,
  blue: usize,
  table: usize,
  steps: u32,
  out: usize,
): void {
  for (const end = out + ((<usize>pixels) << 2); out < end; out += 4, rgb += 3) {
    const luminance =
      load<u32>(red + ((<usize>load<u8>(rgb)) << 2)) +
      load<u32>(green + ((<usize>load<u8>(rgb, 1)) << 2)) +
      load<u32>(blue + ((<usize>load<u8>(rgb, 2)) << 2));
    store<f32>(out, load<f32>(table + ((<usize>min(luminance >> 16, steps)) << 2)));
  }
}
