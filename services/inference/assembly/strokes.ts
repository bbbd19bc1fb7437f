function total(lanes: v128): f64 {
  return (
    <f64>f32x4.extract_lane(lanes, 0) +
    <f64>f32x4.extract_lane(lanes, 1) +
    <f64>f32x4.extract_lane(lanes, 2) +
    <f64>f32x4.extract_lane(lanes, 3)
  );
}

function totalCount(lanes: v128): u32 {
  return (
    i32x4.extract_lane(lanes, 0) +
    i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) +
    i32x4.extract_lane(lanes, 3)
  );
}

function addTo(at: usize, lanes: v128): void {
  store<f64>(at, load<f64>(at) + total(lanes));
}

/** All ones in the lanes of the four pixels from `x` that lie before `end`. */
function lanesBefore(end: i32, x: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(end - x));
}

/**
 * Gradients by central differences of every pixel that has four neighbours. `squares` holds five rising squares of magnitudes; `counts` gets
 * how many gradients reach each of them. Of those that reach the second, `masses` gets the magnitudes by orientation, in eight bins of an
 * eighth of a half turn, the first around the horizontal; then the sums of |dx| and of |dy|. `tangents` holds those of 1, 3, 5 and 7
 * sixteenths of a half turn: where one bin ends and the next begins.
 */
export function gradients(tone: usize, side: i32, squares: usize, tangents: usize, counts: usize, masses: usize): void {
  const stride = (<usize>side) << 2;
  const s0 = v128.load32_splat(squares);
  const s1 = v128.load32_splat(squares, 4);
  const s2 = v128.load32_splat(squares, 8);
  const s3 = v128.load32_splat(squares, 12);
  const s4 = v128.load32_splat(squares, 16);
  const t0 = v128.load32_splat(tangents);
  const t1 = v128.load32_splat(tangents, 4);
  const t2 = v128.load32_splat(tangents, 8);
  const t3 = v128.load32_splat(tangents, 12);
  let c0 = i32x4.splat(0);
  let c1 = i32x4.splat(0);
  let c2 = i32x4.splat(0);
  let c3 = i32x4.splat(0);
  let c4 = i32x4.splat(0);
  memory.fill(masses, 0, 80);
  const end = side - 1;
  for (let y = 1; y < end; y++) {
    let at = tone + <usize>y * stride + 4;
    // Single floats within a row, double floats beyond: the sums keep six digits.
    let o0 = f32x4.splat(0);
    let o1 = f32x4.splat(0);
    let o2 = f32x4.splat(0);
    let o3 = f32x4.splat(0);
    let o4 = f32x4.splat(0);
    let o5 = f32x4.splat(0);
    let o6 = f32x4.splat(0);
    let o7 = f32x4.splat(0);
    let across = f32x4.splat(0);
    let along = f32x4.splat(0);
    for (let x = 1; x < end; x += 4, at += 16) {
      const dx = f32x4.sub(v128.load(at, 4), v128.load(at - 4));
      const dy = f32x4.sub(v128.load(at + stride), v128.load(at - stride));
      let square = f32x4.add(f32x4.mul(dx, dx), f32x4.mul(dy, dy));
      if (x + 4 > end) square = v128.and(square, lanesBefore(end, x));
      const any = f32x4.ge(square, s0);
      if (!v128.any_true(any)) continue;
      c0 = i32x4.sub(c0, any);
      const strong = f32x4.ge(square, s1);
      if (!v128.any_true(strong)) continue;
      c1 = i32x4.sub(c1, strong);
      c2 = i32x4.sub(c2, f32x4.ge(square, s2));
      c3 = i32x4.sub(c3, f32x4.ge(square, s3));
      c4 = i32x4.sub(c4, f32x4.ge(square, s4));
      const u = f32x4.abs(dx);
      const v = f32x4.abs(dy);
      across = f32x4.add(across, v128.and(u, strong));
      along = f32x4.add(along, v128.and(v, strong));
      const mass = v128.and(f32x4.sqrt(square), strong);
      const below0 = f32x4.lt(v, f32x4.mul(u, t0));
      const below1 = f32x4.lt(v, f32x4.mul(u, t1));
      const below2 = f32x4.lt(v, f32x4.mul(u, t2));
      const below3 = f32x4.lt(v, f32x4.mul(u, t3));
      const falling = i32x4.shr_s(v128.xor(dx, dy), 31);
      const fall = v128.and(mass, falling);
      const rise = v128.andnot(mass, falling);
      const in1 = v128.andnot(below1, below0);
      const in2 = v128.andnot(below2, below1);
      const in3 = v128.andnot(below3, below2);
      o0 = f32x4.add(o0, v128.and(mass, below0));
      o1 = f32x4.add(o1, v128.and(rise, in1));
      o2 = f32x4.add(o2, v128.and(rise, in2));
      o3 = f32x4.add(o3, v128.and(rise, in3));
      o4 = f32x4.add(o4, v128.andnot(mass, below3));
      o5 = f32x4.add(o5, v128.and(fall, in3));
      o6 = f32x4.add(o6, v128.and(fall, in2));
      o7 = f32x4.add(o7, v128.and(fall, in1));
    }
    addTo(masses, o0);
    addTo(masses + 8, o1);
    addTo(masses + 16, o2);
    addTo(masses + 24, o3);
    addTo(masses + 32, o4);
    addTo(masses + 40, o5);
    addTo(masses + 48, o6);
    addTo(masses + 56, o7);
    addTo(masses + 64, across);
    addTo(masses + 72, along);
  }
  store<u32>(counts, totalCount(c0));
  store<u32>(counts, totalCount(c1), 4);
  store<u32>(counts, totalCount(c2), 8);
  store<u32>(counts, totalCount(c3), 12);
  store<u32>(counts, totalCount(c4), 16);
}

/**
 * How often each local binary pattern occurs among the pixels with eight neighbours: 256 counts. Bit 0 stands for the neighbour above to the
 * left, the others follow clockwise; a bit is set where the neighbour is brighter by more than `threshold`.
 */
export function patterns(tone: usize, side: i32, threshold: f32, counts: usize): void {
  const stride = (<usize>side) << 2;
  const limits = f32x4.splat(threshold);
  memory.fill(counts, 0, 1024);
  const end = side - 1;
  for (let y = 1; y < end; y++) {
    let at = tone + <usize>y * stride + 4;
    for (let x = 1; x < end; x += 4, at += 16) {
      const limit = f32x4.add(v128.load(at), limits);
      const above = at - stride;
      const below = at + stride;
      let code = v128.and(f32x4.gt(v128.load(above - 4), limit), i32x4.splat(1));
      code = v128.or(code, v128.and(f32x4.gt(v128.load(above), limit), i32x4.splat(2)));
      code = v128.or(code, v128.and(f32x4.gt(v128.load(above, 4), limit), i32x4.splat(4)));
      code = v128.or(code, v128.and(f32x4.gt(v128.load(at, 4), limit), i32x4.splat(8)));
      code = v128.or(code, v128.and(f32x4.gt(v128.load(below, 4), limit), i32x4.splat(16)));
      code = v128.or(code, v128.and(f32x4.gt(v128.load(below), limit), i32x4.splat(32)));
      code = v128.or(code, v128.and(f32x4.gt(v128.load(below - 4), limit), i32x4.splat(64)));
      code = v128.or(code, v128.and(f32x4.gt(v128.load(at - 4), limit), i32x4.splat(128)));
      if (x + 4 > end) code = v128.and(code, lanesBefore(end, x));
      if (!v128.any_true(code)) continue;
      count(counts, i32x4.extract_lane(code, 0));
      count(counts, i32x4.extract_lane(code, 1));
      count(counts, i32x4.extract_lane(code, 2));
      count(counts, i32x4.extract_lane(code, 3));
    }
  }
  // Pixels without a brighter neighbour were passed over by fours: their count means nothing.
  store<u32>(counts, 0);
}

function count(counts: usize, code: u32): void {
  const at = counts + ((<usize>code) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Mean of each 2 x 2 block of a square plane; gives the sum of the squares of what that takes away. `side` is even. */
export function halveTone(tone: usize, side: i32, out: usize): f64 {
  const stride = (<usize>side) << 2;
  const quarter = f32x4.splat(0.25);
  let energy: f64 = 0;
  for (let y = 0; y < side; y += 2) {
    let at = tone + <usize>y * stride;
    let lanes = f32x4.splat(0);
    let x = 0;
    for (; x + 8 <= side; x += 8, at += 32, out += 16) {
      const aboveLeft = v128.load(at);
      const aboveRight = v128.load(at, 16);
      const belowLeft = v128.load(at + stride);
      const belowRight = v128.load(at + stride, 16);
      const left = f32x4.add(aboveLeft, belowLeft);
      const right = f32x4.add(aboveRight, belowRight);
      const mean = f32x4.mul(
        f32x4.add(v128.shuffle<f32>(left, right, 0, 2, 4, 6), v128.shuffle<f32>(left, right, 1, 3, 5, 7)),
        quarter,
      );
      v128.store(out, mean);
      const meanLeft = v128.shuffle<f32>(mean, mean, 0, 0, 1, 1);
      const meanRight = v128.shuffle<f32>(mean, mean, 2, 2, 3, 3);
      lanes = f32x4.add(lanes, squareOf(f32x4.sub(aboveLeft, meanLeft)));
      lanes = f32x4.add(lanes, squareOf(f32x4.sub(aboveRight, meanRight)));
      lanes = f32x4.add(lanes, squareOf(f32x4.sub(belowLeft, meanLeft)));
      lanes = f32x4.add(lanes, squareOf(f32x4.sub(belowRight, meanRight)));
    }
    energy += total(lanes);
    for (; x < side; x += 2, at += 8, out += 4) {
      const a = load<f32>(at);
      const b = load<f32>(at, 4);
      const c = load<f32>(at + stride);
      const d = load<f32>(at + stride, 4);
      const mean = (a + b + c + d) * 0.25;
      store<f32>(out, mean);
      energy += (a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean) + (d - mean) * (d - mean);
    }
  }
  return energy;
}

function squareOf(lanes: v128): v128 {
  return f32x4.mul(lanes, lanes);
}

/**
 * The deviation within each block of 8 x 8, block by block; `counts` gets how many values reach 1, 2, 3, 4 and 5 sixths; `moments` the sum of
 * the values less 1 and of the squares of those, so that blank paper, which is 1, has none of either. `side` is a multiple of 8.
 */
export function blocks(tone: usize, side: i32, deviations: usize, counts: usize, moments: usize): void {
  const stride = (<usize>side) << 2;
  const one = f32x4.splat(1);
  const six = f32x4.splat(6);
  let c1 = i32x4.splat(0);
  let c2 = i32x4.splat(0);
  let c3 = i32x4.splat(0);
  let c4 = i32x4.splat(0);
  let c5 = i32x4.splat(0);
  let allSums: f64 = 0;
  let allSquares: f64 = 0;
  for (let y = 0; y < side; y += 8) {
    for (let x = 0; x < side; x += 8) {
      let at = tone + <usize>y * stride + ((<usize>x) << 2);
      let sums = f32x4.splat(0);
      let squares = f32x4.splat(0);
      for (let row = 0; row < 8; row++, at += stride) {
        for (let half: usize = 0; half < 32; half += 16) {
          const values = v128.load(at + half);
          const sixths = f32x4.mul(values, six);
          c1 = i32x4.sub(c1, f32x4.ge(sixths, f32x4.splat(1)));
          c2 = i32x4.sub(c2, f32x4.ge(sixths, f32x4.splat(2)));
          c3 = i32x4.sub(c3, f32x4.ge(sixths, f32x4.splat(3)));
          c4 = i32x4.sub(c4, f32x4.ge(sixths, f32x4.splat(4)));
          c5 = i32x4.sub(c5, f32x4.ge(sixths, f32x4.splat(5)));
          const less = f32x4.sub(values, one);
          sums = f32x4.add(sums, less);
          squares = f32x4.add(squares, squareOf(less));
        }
      }
      const sum = total(sums);
      const square = total(squares);
      allSums += sum;
      allSquares += square;
      const mean = sum / 64;
      store<f32>(deviations, <f32>Math.sqrt(max(0, square / 64 - mean * mean)));
      deviations += 4;
    }
  }
  store<u32>(counts, totalCount(c1));
  store<u32>(counts, totalCount(c2), 4);
  store<u32>(counts, totalCount(c3), 8);
  store<u32>(counts, totalCount(c4), 12);
  store<u32>(counts, totalCount(c5), 16);
  store<f64>(moments, allSums);
  store<f64>(moments, allSquares, 8);
}
