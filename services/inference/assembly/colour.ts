/** The luma of each pixel of interleaved RGB, 0 to 255; `counts` gets how many pixels have each. */
export function lumaOf(rgb: usize, pixels: i32, luma: usize, counts: usize): void {
  memory.fill(counts, 0, 1024);
  for (const end = luma + <usize>pixels; luma < end; luma++, rgb += 3) {
    const value = (<u32>load<u8>(rgb) * 77 + <u32>load<u8>(rgb, 1) * 150 + <u32>load<u8>(rgb, 2) * 29) >> 8;
    store<u8>(luma, value);
    increment(counts, value);
  }
}

/** How many pixels with a luma between `from` and `to`, both included, have each value of red, green and blue: `counts` [3, 256]. */
export function channelsWithin(rgb: usize, luma: usize, pixels: i32, from: u32, to: u32, counts: usize): void {
  memory.fill(counts, 0, 3072);
  for (const end = luma + <usize>pixels; luma < end; luma++, rgb += 3) {
    const value = <u32>load<u8>(luma);
    if (value < from || value > to) continue;
    increment(counts, load<u8>(rgb));
    increment(counts + 1024, load<u8>(rgb, 1));
    increment(counts + 2048, load<u8>(rgb, 2));
  }
}

/**
 * CIE Lab of each pixel of interleaved RGB. `red`, `green` and `blue` hold the linear light of each 8-bit value (double floats), `matrix` the
 * nine numbers from there to X, Y and Z, row by row (double floats), `curve` f(t) of CIE Lab (double floats) at `steps` + 1 places between 0
 * and `steps` / `stepsPerUnit`. `percents` gets how many pixels have each lightness, 0 to 100, rounded down.
 */
export function labOf(
  rgb: usize,
  pixels: i32,
  red: usize,
  green: usize,
  blue: usize,
  matrix: usize,
  curve: usize,
  steps: i32,
  stepsPerUnit: f64,
  lightness: usize,
  a: usize,
  b: usize,
  percents: usize,
): void {
  const xr = load<f64>(matrix) * stepsPerUnit;
  const xg = load<f64>(matrix, 8) * stepsPerUnit;
  const xb = load<f64>(matrix, 16) * stepsPerUnit;
  const yr = load<f64>(matrix, 24) * stepsPerUnit;
  const yg = load<f64>(matrix, 32) * stepsPerUnit;
  const yb = load<f64>(matrix, 40) * stepsPerUnit;
  const zr = load<f64>(matrix, 48) * stepsPerUnit;
  const zg = load<f64>(matrix, 56) * stepsPerUnit;
  const zb = load<f64>(matrix, 64) * stepsPerUnit;
  memory.fill(percents, 0, 404);
  for (let pixel = 0; pixel < pixels; pixel++, rgb += 3, lightness += 4, a += 4, b += 4) {
    const r = load<f64>(red + ((<usize>load<u8>(rgb)) << 3));
    const g = load<f64>(green + ((<usize>load<u8>(rgb, 1)) << 3));
    const bl = load<f64>(blue + ((<usize>load<u8>(rgb, 2)) << 3));
    const fx = at(curve, steps, xr * r + xg * g + xb * bl);
    const fy = at(curve, steps, yr * r + yg * g + yb * bl);
    const fz = at(curve, steps, zr * r + zg * g + zb * bl);
    const l = <f32>(116 * fy - 16);
    store<f32>(lightness, l);
    store<f32>(a, <f32>(500 * (fx - fy)));
    store<f32>(b, <f32>(200 * (fy - fz)));
    increment(percents, within(<i32>l, 100));
  }
}

function at(curve: usize, steps: i32, place: f64): f64 {
  return load<f64>(curve + ((<usize>min(<i32>(place + 0.5), steps)) << 3));
}

function within(value: i32, most: i32): i32 {
  return max(0, min(value, most));
}

function increment(counts: usize, index: i32): void {
  const place = counts + ((<usize>index) << 2);
  store<u32>(place, load<u32>(place) + 1);
}

function addTo(sums: usize, index: i32, value: f64): void {
  const place = sums + ((<usize>index) << 3);
  store<f64>(place, load<f64>(place) + value);
}

const HUES = 12;
const INKS: f32 = 16;
const GRID = 4;

// Offsets in bytes of what `colours` counts; kernels.ts reads them there. Counts are 32 bits wide, sums are double floats.
const CHROMAS: usize = 0;
const LIGHTNESSES: usize = 1024;
const JOINT: usize = 1056;
const COLOURED_CELLS: usize = 1104;
const DARK_CELLS: usize = 1168;
const INK_COUNTS: usize = 1232;
const HUE_MASSES: usize = 1296;
const INK_A: usize = 1392;
const INK_B: usize = 1520;
const MOMENTS: usize = 1648;
const TALLIES: usize = 1696;
const COUNTS_END: usize = 1728;

/**
 * What the colours of a square Lab page are, counted into `counts`: by half chroma, by lightness (eighths), by three chromas and four
 * lightnesses, coloured and dark pixels by cell of a 4 x 4 grid, pixels and sums of a and b by lightness (sixteenths), chroma by hue; sums of
 * a, b, aa, bb, ab and of coloured lightness; pixels that are coloured, paper, at the edge, coloured at the edge, flat and steep coloured.
 * `arcs` holds the arc tangents of 0 to 1 in `arcSteps` steps and one more (single floats), in twelfths of a turn. `side` is a multiple of 4.
 */
export function colours(
  lightness: usize,
  a: usize,
  b: usize,
  side: i32,
  margin: i32,
  colouredFrom: f32,
  arcs: usize,
  arcSteps: f32,
  counts: usize,
): void {
  memory.fill(counts, 0, COUNTS_END);
  let sumA: f64 = 0;
  let sumB: f64 = 0;
  let sumAA: f64 = 0;
  let sumBB: f64 = 0;
  let sumAB: f64 = 0;
  let colouredLightness: f64 = 0;
  let coloured: u32 = 0;
  let paper: u32 = 0;
  let edge: u32 = 0;
  let colouredAtEdge: u32 = 0;
  let flat: u32 = 0;
  let steep: u32 = 0;
  const stride = (<usize>side) << 2;
  const cell = side / GRID;
  for (let y = 0; y < side; y++) {
    const isMarginRow = y < margin || y >= side - margin;
    for (let column = 0; column < GRID; column++) {
      const inCell = (y / cell) * GRID + column;
      let dark: u32 = 0;
      let colouredInCell: u32 = 0;
      const end = (column + 1) * cell;
      for (let x = column * cell; x < end; x++, lightness += 4, a += 4, b += 4) {
        const l = load<f32>(lightness);
        const pa = load<f32>(a);
        const pb = load<f32>(b);
        const aa = pa * pa;
        const bb = pb * pb;
        const c = Mathf.sqrt(aa + bb);
        increment(counts + CHROMAS, min(<i32>(c * 2), 255));
        const ink = within(<i32>(l * (INKS / 100)), 15);
        increment(counts + LIGHTNESSES, ink >> 1);
        increment(counts + JOINT, (<i32>(c >= 8) + <i32>(c >= 20)) * 4 + (ink >> 2));
        increment(counts + INK_COUNTS, ink);
        addTo(counts + INK_A, ink, pa);
        addTo(counts + INK_B, ink, pb);
        sumA += pa;
        sumB += pb;
        sumAA += aa;
        sumBB += bb;
        sumAB += pa * pb;
        paper += <u32>(l > 88) & <u32>(c < 8);
        dark += <u32>(l < 55);
        const isMargin = isMarginRow || x < margin || x >= side - margin;
        edge += <u32>isMargin;
        if (c < colouredFrom) continue;
        colouredInCell++;
        colouredLightness += l;
        colouredAtEdge += <u32>isMargin;
        const hue = hueOf(pa, pb, arcs, arcSteps);
        const lower = <i32>hue;
        const rest = hue - <f32>lower;
        addTo(counts + HUE_MASSES, lower, c * (1 - rest));
        addTo(counts + HUE_MASSES, lower === HUES - 1 ? 0 : lower + 1, c * rest);
        if (x > 0 && y > 0) {
          const step = abs(l - load<f32>(lightness - 4)) + abs(l - load<f32>(lightness - stride));
          flat += <u32>(step < 2.5);
          steep += <u32>(step > 16);
        }
      }
      coloured += colouredInCell;
      store<u32>(
        counts + DARK_CELLS + ((<usize>inCell) << 2),
        load<u32>(counts + DARK_CELLS + ((<usize>inCell) << 2)) + dark,
      );
      store<u32>(
        counts + COLOURED_CELLS + ((<usize>inCell) << 2),
        load<u32>(counts + COLOURED_CELLS + ((<usize>inCell) << 2)) + colouredInCell,
      );
    }
  }
  const moments = counts + MOMENTS;
  store<f64>(moments, sumA);
  store<f64>(moments, sumB, 8);
  store<f64>(moments, sumAA, 16);
  store<f64>(moments, sumBB, 24);
  store<f64>(moments, sumAB, 32);
  store<f64>(moments, colouredLightness, 40);
  const tallies = counts + TALLIES;
  store<u32>(tallies, coloured);
  store<u32>(tallies, paper, 4);
  store<u32>(tallies, edge, 8);
  store<u32>(tallies, colouredAtEdge, 12);
  store<u32>(tallies, flat, 16);
  store<u32>(tallies, steep, 20);
}

/** The angle of (a, b) in twelfths of a turn, from 0 to below 12: read between the two nearest places of the table. */
function hueOf(a: f32, b: f32, arcs: usize, arcSteps: f32): f32 {
  const across = abs(a);
  const up = abs(b);
  const isSteep = up > across;
  const place = (isSteep ? across / up : up / across) * arcSteps;
  const lower = <i32>place;
  const entry = arcs + ((<usize>lower) << 2);
  const before = load<f32>(entry);
  let hue = before + (load<f32>(entry, 4) - before) * (place - <f32>lower);
  if (isSteep) hue = 3 - hue;
  if (a < 0) hue = 6 - hue;
  if (b < 0) hue = 12 - hue;
  return hue >= 12 ? 0 : hue;
}

/**
 * How far each pixel's colour lies from the mean colour of its lightness, counted by halves into 256 `counts`. `inkA` and `inkB` hold the
 * means at the middle of each sixteenth of the lightness (double floats).
 */
export function strays(
  lightness: usize,
  a: usize,
  b: usize,
  pixels: i32,
  inkA: usize,
  inkB: usize,
  counts: usize,
): void {
  memory.fill(counts, 0, 1024);
  for (const end = lightness + ((<usize>pixels) << 2); lightness < end; lightness += 4, a += 4, b += 4) {
    const place = min<f32>(INKS - 1, max<f32>(0, load<f32>(lightness) * (INKS / 100) - 0.5));
    const lower = <usize>(<i32>place);
    const upper = min<usize>(15, lower + 1);
    const mix = <f64>(place - <f32>lower);
    const lowerA = load<f64>(inkA + (lower << 3));
    const lowerB = load<f64>(inkB + (lower << 3));
    const strayA = load<f32>(a) - (lowerA + (load<f64>(inkA + (upper << 3)) - lowerA) * mix);
    const strayB = load<f32>(b) - (lowerB + (load<f64>(inkB + (upper << 3)) - lowerB) * mix);
    const stray = Math.sqrt(strayA * strayA + strayB * strayB);
    increment(counts, min(<i32>(stray * 2), 255));
  }
}
