import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randomFrom } from '@florilegium/random';
import { describe, expect, it } from 'vitest';
import { compileKernels } from '../../../../scripts/compile-kernels.ts';
import { openPageKernels } from './page-kernels.ts';
import { RASTER_BYTES, RASTER_SIDE } from './page-raster.ts';

// Each kernel beside the plainest loop that says the same.

const side = RASTER_SIDE;
const half = side / 2;
const random = randomFrom(11);
const kernels = openPageKernels();

/** Smooth shades with grain here and there, and stretches of one colour. */
const painted = Uint8Array.from({ length: RASTER_BYTES }, (_, at) => {
  const [x, y, channel] = [Math.floor(at / 3) % side, Math.floor(at / 3 / side), at % 3];
  if (y < 60) return 255;
  if (x > 300 && y > 300) return [180, 40, 20][channel]!;
  const shade = 128 + 100 * Math.sin(x / (5 + channel * 9)) * Math.cos(y / 17) + (x < 150 ? random.below(60) - 30 : 0);
  return Math.max(0, Math.min(255, Math.round(shade)));
});
const pages = { 'a painted page': painted, 'a black page': new Uint8Array(RASTER_BYTES) };

const table = Float32Array.from({ length: 4097 }, (_, step) => Math.min(1.02, Math.sqrt(step / 3300)));
const channels = [0.3, 0.6, 0.25].map((weight) =>
  Uint32Array.from({ length: 256 }, (_, value) => Math.floor(((value * weight) / 255) * 4096 * 65_536)),
);

function toneOf(rgb: Uint8Array): Float32Array {
  return Float32Array.from({ length: side * side }, (_, pixel) => {
    const luminance = channels.reduce((sum, values, channel) => sum + values[rgb[pixel * 3 + channel]!]!, 0);
    return table[Math.min(4096, Math.floor(luminance / 65_536))]!;
  });
}

function halved(plane: Float32Array, width: number): Float32Array {
  return Float32Array.from({ length: plane.length / 4 }, (_, pixel) => {
    const at = Math.floor(pixel / (width / 2)) * 2 * width + (pixel % (width / 2)) * 2;
    return (plane[at]! + plane[at + 1]! + plane[at + width]! + plane[at + width + 1]!) / 4;
  });
}

it('are those of the source', async () => {
  const committed = readFileSync(new URL('./page-kernels.wasm', import.meta.url));
  const source = fileURLToPath(new URL('../../assembly', import.meta.url));
  expect(committed.equals(await compileKernels(source))).toBe(true);
});

describe.each(Object.entries(pages))('%s', (_, rgb) => {
  const tone = toneOf(rgb);

  it('is halved', () => {
    kernels.hold(rgb);
    const expected = Uint8Array.from({ length: half * half * 3 }, (_, at) => {
      const [x, y, channel] = [Math.floor(at / 3) % half, Math.floor(at / 3 / half), at % 3];
      const value = (dx: number, dy: number) => rgb[((2 * y + dy) * side + 2 * x + dx) * 3 + channel]!;
      return Math.floor((value(0, 0) + value(1, 0) + value(0, 1) + value(1, 1) + 2) / 4);
    });
    expect(Buffer.from(kernels.half).equals(expected)).toBe(true);
  });

  it('loses its energy octave by octave', () => {
    kernels.hold(rgb);
    const energies = kernels.toTone(channels, table);
    let plane = tone;
    for (let octave = 0, width = side; octave < 5; octave++, width /= 2) {
      const next = halved(plane, width);
      let energy = 0;
      for (const [at, value] of plane.entries())
        energy += (value - next[Math.floor(at / width / 2) * (width / 2) + Math.floor((at % width) / 2)]!) ** 2;
      expect(energies[octave]).toBeCloseTo(energy / plane.length, 7);
      plane = next;
    }
    expect(energies).toHaveLength(5);
  });

  it('has gradients of every direction', () => {
    kernels.hold(rgb);
    kernels.toTone(channels, table);
    const steps = [0.03, 0.07, 0.14, 0.26, 0.45];
    const found = kernels.gradients(
      steps,
      [1, 3, 5, 7].map((odd) => Math.tan((odd * Math.PI) / 16)),
    );
    const reaching = steps.map(() => 0);
    const orientations = Array.from({ length: 8 }, () => 0);
    let [horizontal, vertical] = [0, 0];
    for (let y = 1; y < side - 1; y++) {
      for (let x = 1; x < side - 1; x++) {
        const at = y * side + x;
        const [dx, dy] = [tone[at + 1]! - tone[at - 1]!, tone[at + side]! - tone[at - side]!];
        const magnitude = Math.hypot(dx, dy);
        for (const [index, step] of steps.entries()) if (magnitude >= step) reaching[index]!++;
        if (magnitude < steps[1]!) continue;
        horizontal += Math.abs(dx);
        vertical += Math.abs(dy);
        orientations[(Math.round((Math.atan2(dy, dx) / Math.PI) * 8) + 16) % 8]! += magnitude;
      }
    }
    // A value on the border of two bins may fall to either.
    for (const [index, count] of reaching.entries())
      expect(Math.abs(found.counts[index]! - count)).toBeLessThan(3 + count / 1000);
    for (const [index, mass] of orientations.entries())
      expect(Math.abs(found.orientations[index]! - mass)).toBeLessThan(2 + mass / 200);
    expect(Math.abs(found.horizontal - horizontal)).toBeLessThan(1 + horizontal / 1000);
    expect(Math.abs(found.vertical - vertical)).toBeLessThan(1 + vertical / 1000);
  });

  it.each([0, 1])('has local patterns, halved %i times', (octave) => {
    kernels.hold(rgb);
    kernels.toTone(channels, table);
    const found = kernels.patterns(octave, 0.06);
    const [plane, width] = octave === 0 ? [tone, side] : [halved(tone, side), half];
    const counts = new Uint32Array(256);
    const around = [-width - 1, -width, -width + 1, 1, width + 1, width, width - 1, -1];
    for (let y = 1; y < width - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = y * width + x;
        const limit = Math.fround(plane[at]! + Math.fround(0.06));
        counts[around.reduce((code, step, bit) => code + (plane[at + step]! > limit ? 2 ** bit : 0), 0)]!++;
      }
    }
    counts[0] = 0;
    expect([...found]).toEqual([...counts]);
  });

  it('varies in blocks', () => {
    kernels.hold(rgb);
    kernels.toTone(channels, table);
    const { deviations, reaching, mean, deviation } = kernels.blocks();
    const momentsOf = (values: number[]) => {
      const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [
        centre,
        Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length),
      ] as const;
    };
    const all = momentsOf([...tone]);
    expect(mean).toBeCloseTo(all[0], 6);
    expect(deviation).toBeCloseTo(all[1], 6);
    for (const sixth of [1, 2, 3, 4, 5])
      expect(reaching[sixth - 1]).toBe(
        tone.reduce((count, value) => count + (Math.fround(value * 6) >= sixth ? 1 : 0), 0),
      );
    expect(deviations).toHaveLength(56 * 56);
    for (const block of [0, 57, 1500, 2000, 56 * 56 - 1]) {
      const [left, top] = [(block % 56) * 8, Math.floor(block / 56) * 8];
      const values = Array.from({ length: 64 }, (_, at) => tone[(top + (at >> 3)) * side + left + (at & 7)]!);
      // Single floats, and squares of which most is taken away: three digits in a block of one shade.
      expect(deviations[block]).toBeCloseTo(momentsOf(values)[1], 3);
    }
  });

  it('has its ink in rows, columns, strips and runs', () => {
    kernels.hold(rgb);
    kernels.toTone(channels, table);
    const found = kernels.inkProfiles(0.6);
    const isInk = (x: number, y: number) => x >= 0 && tone[y * side + x]! < Math.fround(0.6);
    const along = (count: (at: number, other: number) => boolean, from = 0, to = side) =>
      Array.from({ length: side }, (_, at) => {
        let sum = 0;
        for (let other = from; other < to; other++) if (count(at, other)) sum++;
        return sum;
      });
    expect([...found.rows]).toEqual(along((y, x) => isInk(x, y)));
    expect([...found.columns]).toEqual(along((x, y) => isInk(x, y)));
    expect([...found.runs]).toEqual(along((y, x) => isInk(x, y) && !isInk(x - 1, y)));
    for (const [strip, counts] of found.strips.entries())
      expect([...counts]).toEqual(along((y, x) => isInk(x, y), strip * 112, strip * 112 + 112));
  });

  it('has lumas, and channels of the pixels between two of them', () => {
    kernels.hold(rgb);
    const pixels = Array.from({ length: half * half }, (_, pixel) => [
      ...kernels.half.subarray(pixel * 3, pixel * 3 + 3),
    ]);
    const lumas = pixels.map(([red, green, blue]) => Math.floor((77 * red! + 150 * green! + 29 * blue!) / 256));
    const counted = (values: readonly number[]) => {
      const counts = new Array<number>(256).fill(0);
      for (const value of values) counts[value]!++;
      return counts;
    };
    expect([...kernels.lumas()]).toEqual(counted(lumas));
    for (const [from, to] of [
      [0, 90],
      [120, 121],
    ] as const) {
      const within = pixels.filter((_, pixel) => lumas[pixel]! >= from && lumas[pixel]! <= to);
      expect(kernels.channelsWithin(from, to).map((counts) => [...counts])).toEqual(
        [0, 1, 2].map((channel) => counted(within.map((pixel) => pixel[channel]!))),
      );
    }
  });

  it('has colours in the Lab planes', () => {
    kernels.hold(rgb);
    const linear = Float64Array.from({ length: 256 }, (_, value) => (value / 255) ** 2.2);
    const matrix = [0.43, 0.38, 0.19, 0.21, 0.72, 0.07, 0.02, 0.11, 0.87];
    const curve = Float64Array.from({ length: 4097 }, (_, step) => Math.cbrt((step / 4096) * 1.25));
    const percents = kernels.toLab({ channels: [linear, linear, linear], matrix, curve, stepsPerUnit: 4096 / 1.25 });

    const lab = Array.from({ length: half * half }, (_, pixel) => {
      const light = [0, 1, 2].map((channel) => linear[kernels.half[pixel * 3 + channel]!]!);
      const [fx, fy, fz] = [0, 3, 6].map((row) => {
        const t = light.reduce((sum, value, channel) => sum + matrix[row + channel]! * value, 0);
        return curve[Math.min(4096, Math.floor((t * 4096) / 1.25 + 0.5))]!;
      }) as [number, number, number];
      return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)].map(Math.fround) as [number, number, number];
    });
    const expectedPercents = new Uint32Array(101);
    for (const [l] of lab) expectedPercents[Math.max(0, Math.min(100, Math.trunc(l)))]!++;
    expect([...percents]).toEqual([...expectedPercents]);

    const tally = { coloured: 0, paper: 0, edge: 0, colouredAtEdge: 0, flatColoured: 0, steepColoured: 0 };
    const sums = { a: 0, b: 0, aa: 0, bb: 0, ab: 0, colouredLightness: 0 };
    const [chromas, lightnesses, joint, inkCounts] = [256, 8, 12, 16].map((length) =>
      new Array<number>(length).fill(0),
    );
    const [colouredCells, darkCells] = [new Array<number>(16).fill(0), new Array<number>(16).fill(0)];
    const [inkA, inkB, hueMasses] = [16, 16, 12].map((length) => new Array<number>(length).fill(0));
    for (const [pixel, [l, a, b]] of lab.entries()) {
      const [x, y] = [pixel % half, Math.floor(pixel / half)];
      const c = Math.hypot(a, b);
      const ink = Math.max(0, Math.min(15, Math.floor((l * 16) / 100)));
      const cell = Math.floor(y / 56) * 4 + Math.floor(x / 56);
      const isEdge = Math.min(x, y, half - 1 - x, half - 1 - y) < 16;
      chromas![Math.min(255, Math.floor(c * 2))]!++;
      lightnesses![ink >> 1]!++;
      joint![(c < 8 ? 0 : c < 20 ? 4 : 8) + (ink >> 2)]!++;
      inkCounts![ink]!++;
      inkA![ink]! += a;
      inkB![ink]! += b;
      sums.a += a;
      sums.b += b;
      sums.aa += a * a;
      sums.bb += b * b;
      sums.ab += a * b;
      if (l > 88 && c < 8) tally.paper++;
      if (l < 55) darkCells[cell]!++;
      if (isEdge) tally.edge++;
      if (c < 14) continue;
      tally.coloured++;
      sums.colouredLightness += l;
      if (isEdge) tally.colouredAtEdge++;
      colouredCells[cell]!++;
      const hue = ((Math.atan2(b, a) / (2 * Math.PI) + 1) % 1) * 12;
      hueMasses![Math.floor(hue)]! += c * (1 - (hue % 1));
      hueMasses![(Math.floor(hue) + 1) % 12]! += c * (hue % 1);
      if (x === 0 || y === 0) continue;
      const step = Math.abs(l - lab[pixel - 1]![0]) + Math.abs(l - lab[pixel - half]![0]);
      if (step < 2.5) tally.flatColoured++;
      else if (step > 16) tally.steepColoured++;
    }
    const found = kernels.colours(16, 14);
    const near = (values: ArrayLike<number>, expected: readonly number[]) => {
      expect(values).toHaveLength(expected.length);
      for (const [index, value] of expected.entries())
        expect(Math.abs(values[index]! - value)).toBeLessThan(2.5 + Math.abs(value) / 2000);
    };
    near(found.chromas, chromas!);
    near(found.lightnesses, lightnesses!);
    near(found.joint, joint!);
    near(found.inkCounts, inkCounts!);
    near(found.colouredCells, colouredCells);
    near(found.darkCells, darkCells);
    near(found.hueMasses, hueMasses!);
    near(found.inkA, inkA!);
    near(found.inkB, inkB!);
    for (const [name, value] of Object.entries(tally)) near([found[name as keyof typeof tally]], [value]);
    for (const [name, value] of Object.entries(sums)) near([found.sums[name as keyof typeof sums]], [value]);

    const means = [inkA!, inkB!].map((values) => Float64Array.from(values, (sum, ink) => sum / (inkCounts![ink] || 1)));
    const strays = new Array<number>(256).fill(0);
    for (const [l, a, b] of lab) {
      const place = Math.max(0, Math.min(15, (l * 16) / 100 - 0.5));
      const lower = Math.floor(place);
      const mean = (of: Float64Array) => of[lower]! + (of[Math.min(15, lower + 1)]! - of[lower]!) * (place - lower);
      strays[Math.min(255, Math.floor(Math.hypot(a - mean(means[0]!), b - mean(means[1]!)) * 2))]!++;
    }
    near(kernels.strays(means[0]!, means[1]!), strays);
  });
});
