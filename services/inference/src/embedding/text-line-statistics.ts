import type { PageKernels } from './page-kernels.ts';
import { RASTER_SIDE } from './page-raster.ts';

// Whether a page is type: lines of type make ink come and go down the page at one pitch, in blocks that share it, and make many short runs
// of ink across the page. A picture does neither.

const PITCH_MIN = 4;
const PITCH_MAX = 40;
const COLUMNS = 4;
const PROFILE_BINS = 8;
const INK_BELOW = 0.6;

export const TEXT_LINE_DIMS = 3 + 2 * COLUMNS + 2 + PROFILE_BINS + 5 + 4;

/** Writes TEXT_LINE_DIMS numbers about the tone into `out` from `offset`; returns the next offset. `aspect` is the page's width / height. */
export function textLineStatistics(kernels: PageKernels, aspect: number, out: Float32Array, offset: number): number {
  const side = RASTER_SIDE;
  const { rows, columns, strips, runs } = kernels.inkProfiles(INK_BELOW);
  let inkPixels = 0;
  let top = side;
  let bottom = 0;
  for (const [y, count] of rows.entries()) {
    inkPixels += count;
    if (count <= side * 0.01) continue;
    top = Math.min(top, y);
    bottom = y;
  }

  let to = offset;
  const whole = pitchOf(rows);
  out[to++] = whole.strength;
  out[to++] = whole.strength * (whole.pitch / PITCH_MAX);
  out[to++] = pitchOf(columns).strength;
  const strengths: number[] = [];
  for (const profile of strips) {
    const { strength, pitch } = pitchOf(profile);
    strengths.push(strength);
    out[to++] = strength;
    out[to++] = Math.abs(pitch - whole.pitch) <= 1 ? strength : 0;
  }
  strengths.sort((first, second) => first - second);
  out[to++] = strengths[0]!;
  out[to++] = (strengths[1]! + strengths[2]!) / 2;

  // How full of ink the rows are: type fills its rows evenly and leaves the gaps nearly empty.
  const fullness = new Uint32Array(PROFILE_BINS);
  for (let y = 0; y < side; y++)
    fullness[Math.min(PROFILE_BINS - 1, Math.floor((rows[y]! / side) * 2 * PROFILE_BINS))]!++;
  for (const count of fullness) out[to++] = Math.sqrt(count / side);

  let busy = 0;
  let runTotal = 0;
  let runSquares = 0;
  for (const count of runs) {
    runTotal += count;
    runSquares += count * count;
    if (count > 12) busy++;
  }
  const runMean = runTotal / side;
  out[to++] = Math.log1p(runMean) / 4;
  out[to++] = Math.log1p(Math.sqrt(Math.max(0, runSquares / side - runMean * runMean))) / 4;
  out[to++] = busy / side;
  out[to++] = Math.log1p(inkPixels / Math.max(1, runTotal)) / 5;
  out[to++] = Math.sqrt(inkPixels / (side * side));

  out[to++] = top > bottom ? 0 : (bottom - top) / side;
  out[to++] = top > bottom ? 0.5 : (top + bottom) / 2 / side;
  out[to++] = roughness(rows) - roughness(columns);
  out[to++] = Math.max(-1.5, Math.min(1.5, Math.log(aspect)));
  return to;
}

/** The pitch at which a profile repeats best, in pixels, and its autocorrelation there, 0 to 1, above the dip before it. */
function pitchOf(profile: Uint32Array): { pitch: number; strength: number } {
  const length = profile.length;
  // Taking out the mean over a pitch or more leaves the lines and drops the shape of the page.
  const detrended = new Float64Array(length);
  const reach = PITCH_MAX;
  let window = 0;
  for (let at = 0; at < Math.min(reach, length); at++) window += profile[at]!;
  for (let at = 0; at < length; at++) {
    if (at + reach < length) window += profile[at + reach]!;
    if (at - reach - 1 >= 0) window -= profile[at - reach - 1]!;
    const count = Math.min(length - 1, at + reach) - Math.max(0, at - reach) + 1;
    detrended[at] = profile[at]! - window / count;
  }
  let energy = 0;
  for (const value of detrended) energy += value * value;
  if (energy < length * 0.5) return { pitch: PITCH_MIN, strength: 0 };
  let dip = 1;
  let best = { pitch: PITCH_MIN, strength: 0 };
  for (let lag = 2; lag <= PITCH_MAX; lag++) {
    let sum = 0;
    for (let at = lag; at < length; at++) sum += detrended[at]! * detrended[at - lag]!;
    const correlation = (sum / energy) * (length / (length - lag));
    dip = Math.min(dip, correlation);
    if (lag < PITCH_MIN) continue;
    const strength = Math.max(0, Math.min(correlation, correlation - Math.max(dip, -0.5)));
    if (strength > best.strength) best = { pitch: lag, strength };
  }
  return { pitch: best.pitch, strength: Math.min(1, best.strength) };
}

/** Mean change between neighbours over the mean: high across lines of type, low along them. */
function roughness(profile: Uint32Array): number {
  let change = 0;
  let total = 1;
  for (let at = 1; at < profile.length; at++) {
    change += Math.abs(profile[at]! - profile[at - 1]!);
    total += profile[at]!;
  }
  return Math.min(2, change / total);
}
