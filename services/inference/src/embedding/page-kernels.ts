import { readFileSync } from 'node:fs';
import { RASTER_BYTES, RASTER_SIDE } from './page-raster.ts';

// The loops over a page's pixels, as WebAssembly with SIMD, which takes a third of the time of JavaScript: written in ../../assembly,
// compiled by `npm run generate`. Here is where in their memory everything lies.

const PIXELS = RASTER_SIDE * RASTER_SIDE;
const HALF = RASTER_SIDE / 2;
const HALF_PIXELS = PIXELS / 4;
const BLOCK = 8;
const BLOCKS = (RASTER_SIDE / BLOCK) ** 2;
const STRIPS = 4;
const OCTAVES = 5;
/** Arc tangents of 0 to 1 in twelfths of a turn; a straight line between two is within a millionth of the curve. */
const ARC_STEPS = 512;
const ARCS = Float32Array.from({ length: ARC_STEPS + 2 }, (_, step) => (Math.atan(step / ARC_STEPS) * 6) / Math.PI);
const WASM_PAGE_BYTES = 65_536;
/** Kernels read whole vectors: so many bytes around a plane may be touched. */
const SLACK_BYTES = 32;

interface Exports {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  halve(rgb: number, side: number, out: number): void;
  toneOf(
    rgb: number,
    pixels: number,
    red: number,
    green: number,
    blue: number,
    table: number,
    steps: number,
    out: number,
  ): void;
  lumaOf(rgb: number, pixels: number, luma: number, counts: number): void;
  channelsWithin(rgb: number, luma: number, pixels: number, from: number, to: number, counts: number): void;
  labOf(
    rgb: number,
    pixels: number,
    red: number,
    green: number,
    blue: number,
    matrix: number,
    curve: number,
    steps: number,
    stepsPerUnit: number,
    lightness: number,
    a: number,
    b: number,
    percents: number,
  ): void;
  colours(
    lightness: number,
    a: number,
    b: number,
    side: number,
    margin: number,
    colouredFrom: number,
    arcs: number,
    arcSteps: number,
    counts: number,
  ): void;
  strays(lightness: number, a: number, b: number, pixels: number, inkA: number, inkB: number, counts: number): void;
  gradients(tone: number, side: number, squares: number, tangents: number, counts: number, masses: number): void;
  patterns(tone: number, side: number, threshold: number, counts: number): void;
  halveTone(tone: number, side: number, out: number): number;
  blocks(tone: number, side: number, deviations: number, counts: number, moments: number): void;
  inkProfiles(
    tone: number,
    side: number,
    inkBelow: number,
    rows: number,
    columns: number,
    strips: number,
    runs: number,
  ): void;
}

// TypeScript knows WebAssembly only with the DOM's types, which this service must not see.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
};

export type PageKernels = ReturnType<typeof openPageKernels>;

/** Tables of `labOf`: linear light of each 8-bit value, channel by channel; the nine numbers to X, Y, Z; f(t) of CIE Lab, and how finely. */
export interface LabTables {
  channels: readonly [red: Float64Array, green: Float64Array, blue: Float64Array];
  matrix: readonly number[];
  curve: Float64Array;
  stepsPerUnit: number;
}

/**
 * A memory of its own for one page at a time: its raster, the half of it, its Lab planes and its tone, each made by a call from those before.
 * The arrays that a call gives are windows on that memory: the next page, and where said the next call, overwrites them.
 */
export function openPageKernels() {
  const module = new WebAssembly.Module(readFileSync(new URL('./page-kernels.wasm', import.meta.url)));
  const kernels = new WebAssembly.Instance(module, {}).exports as Exports;
  const { memory } = kernels;
  let next = SLACK_BYTES;
  const place = (bytes: number) => {
    const at = next;
    next = Math.ceil((at + bytes + SLACK_BYTES) / 16) * 16;
    const lacking = next - memory.buffer.byteLength;
    if (lacking > 0) memory.grow(Math.ceil(lacking / WASM_PAGE_BYTES));
    return at;
  };

  const raster = place(RASTER_BYTES);
  const half = place(HALF_PIXELS * 3);
  const [luma, lumaCounts, channelCounts] = [place(HALF_PIXELS), place(256 * 4), place(3 * 256 * 4)];
  const lab = { lightness: place(HALF_PIXELS * 4), a: place(HALF_PIXELS * 4), b: place(HALF_PIXELS * 4) };
  const percents = place(101 * 4);
  const labChannels = [place(256 * 8), place(256 * 8), place(256 * 8)] as const;
  const labMatrix = place(9 * 8);
  const curve = place(4097 * 8);
  const arcs = place((ARC_STEPS + 2) * 4);
  const colourCounts = place(1728);
  const [inkA, inkB] = [place(16 * 8), place(16 * 8)];
  const strayCounts = place(256 * 4);
  // The tone and its halvings, each with half the side of the one before.
  const tones: number[] = [];
  for (let octave = 0; octave <= OCTAVES; octave++) tones.push(place((PIXELS * 4) >> (2 * octave)));
  const toneChannels = [place(256 * 4), place(256 * 4), place(256 * 4)] as const;
  const toneTable = place(4097 * 4);
  const [squares, tangents] = [place(5 * 4), place(4 * 4)];
  const gradientCounts = place(5 * 4);
  const masses = place(10 * 8);
  const patternCounts = place(256 * 4);
  const deviations = place(BLOCKS * 4);
  const [toneCounts, moments] = [place(5 * 4), place(2 * 8)];
  const [rows, columns] = [place(RASTER_SIDE * 4), place(RASTER_SIDE * 4)];
  const [strips, runs] = [place(STRIPS * RASTER_SIDE * 4), place(RASTER_SIDE * 4)];

  // The memory has its full size from here on, so that windows on it stay.
  const { buffer } = memory;
  const floats = (at: number, length: number) => new Float32Array(buffer, at, length);
  const doubles = (at: number, length: number) => new Float64Array(buffer, at, length);
  const counts = (at: number, length: number) => new Uint32Array(buffer, at, length);
  floats(arcs, ARC_STEPS + 2).set(ARCS);
  const rasterBytes = new Uint8Array(buffer, raster, RASTER_BYTES);

  return {
    /** The held page at half its side: interleaved RGB [224, 224, 3]. */
    half: new Uint8Array(buffer, half, HALF_PIXELS * 3),

    /** Takes a page in: interleaved RGB [448, 448, 3]. */
    hold(rgb: Uint8Array): void {
      rasterBytes.set(rgb);
      kernels.halve(raster, RASTER_SIDE, half);
    },

    /** How many pixels of the half page have each luma, 0 to 255. */
    lumas(): Uint32Array {
      kernels.lumaOf(half, HALF_PIXELS, luma, lumaCounts);
      return counts(lumaCounts, 256);
    },

    /** Of the pixels whose luma, as last counted, lies between two values, both included: how many have each value of red, green and blue. */
    channelsWithin(from: number, to: number): Uint32Array[] {
      kernels.channelsWithin(half, luma, HALF_PIXELS, from, to, channelCounts);
      return [0, 1, 2].map((channel) => counts(channelCounts + channel * 1024, 256));
    },

    /** Lab planes of the half page; gives how many pixels have each lightness from 0 to 100. */
    toLab({ channels, matrix, curve: curveValues, stepsPerUnit }: LabTables): Uint32Array {
      for (const [index, values] of channels.entries()) doubles(labChannels[index]!, 256).set(values);
      doubles(labMatrix, 9).set(matrix);
      doubles(curve, curveValues.length).set(curveValues);
      kernels.labOf(
        half,
        HALF_PIXELS,
        ...labChannels,
        labMatrix,
        curve,
        curveValues.length - 1,
        stepsPerUnit,
        lab.lightness,
        lab.a,
        lab.b,
        percents,
      );
      return counts(percents, 101);
    },

    /** What the colours of the Lab planes are; the numbers are explained at the kernel. */
    colours(margin: number, colouredFrom: number) {
      kernels.colours(lab.lightness, lab.a, lab.b, HALF, margin, colouredFrom, arcs, ARC_STEPS, colourCounts);
      const countsAt = (offset: number, length: number) => counts(colourCounts + offset, length);
      const [sumA, sumB, sumAA, sumBB, sumAB, colouredLightness] = doubles(colourCounts + 1648, 6);
      const [coloured, paper, edge, colouredAtEdge, flatColoured, steepColoured] = countsAt(1696, 6);
      return {
        chromas: countsAt(0, 256),
        lightnesses: countsAt(1024, 8),
        joint: countsAt(1056, 12),
        colouredCells: countsAt(1104, 16),
        darkCells: countsAt(1168, 16),
        inkCounts: countsAt(1232, 16),
        hueMasses: doubles(colourCounts + 1296, 12),
        inkA: doubles(colourCounts + 1392, 16),
        inkB: doubles(colourCounts + 1520, 16),
        sums: { a: sumA!, b: sumB!, aa: sumAA!, bb: sumBB!, ab: sumAB!, colouredLightness: colouredLightness! },
        coloured: coloured!,
        paper: paper!,
        edge: edge!,
        colouredAtEdge: colouredAtEdge!,
        flatColoured: flatColoured!,
        steepColoured: steepColoured!,
      };
    },

    /** Distances from the mean colour (a, b) of each sixteenth of the lightness, counted by halves. */
    strays(meanA: Float64Array, meanB: Float64Array): Uint32Array {
      doubles(inkA, 16).set(meanA);
      doubles(inkB, 16).set(meanB);
      kernels.strays(lab.lightness, lab.a, lab.b, HALF_PIXELS, inkA, inkB, strayCounts);
      return counts(strayCounts, 256);
    },

    /**
     * The tone of the held page by a table over its luminance; `channels` say what each 8-bit value adds to that, in steps of the table times
     * 65,536. Halves it five times; gives the mean square that each halving takes away.
     */
    toTone(channels: readonly Uint32Array[], table: Float32Array): number[] {
      for (const [index, values] of channels.entries()) counts(toneChannels[index]!, 256).set(values);
      floats(toneTable, table.length).set(table);
      kernels.toneOf(raster, PIXELS, ...toneChannels, toneTable, table.length - 1, tones[0]!);
      const energies: number[] = [];
      for (let octave = 0; octave < OCTAVES; octave++) {
        const side = RASTER_SIDE >> octave;
        energies.push(kernels.halveTone(tones[octave]!, side, tones[octave + 1]!) / (side * side));
      }
      return energies;
    },

    /** How many gradients reach each of five steps; magnitudes by orientation and |dx|, |dy| of those that reach the second. */
    gradients(steps: readonly number[], orientationTangents: readonly number[]) {
      floats(squares, 5).set(steps.map((step) => step * step));
      floats(tangents, 4).set(orientationTangents);
      kernels.gradients(tones[0]!, RASTER_SIDE, squares, tangents, gradientCounts, masses);
      return {
        counts: counts(gradientCounts, 5),
        orientations: doubles(masses, 8),
        horizontal: doubles(masses, 9)[8]!,
        vertical: doubles(masses, 10)[9]!,
      };
    },

    /** Local binary patterns of the tone halved `octave` times: 256 counts, of which the next call makes others. */
    patterns(octave: number, threshold: number): Uint32Array {
      kernels.patterns(tones[octave]!, RASTER_SIDE >> octave, threshold, patternCounts);
      return counts(patternCounts, 256);
    },

    /** Deviation of the tone in each block of 8 x 8, how many values reach each sixth, mean and deviation of all. */
    blocks() {
      kernels.blocks(tones[0]!, RASTER_SIDE, deviations, toneCounts, moments);
      const [sum, squaresSum] = doubles(moments, 2);
      const shift = sum! / PIXELS;
      return {
        deviations: floats(deviations, BLOCKS),
        reaching: counts(toneCounts, 5),
        mean: 1 + shift,
        deviation: Math.sqrt(Math.max(0, squaresSum! / PIXELS - shift * shift)),
      };
    },

    /** Pixels darker than a tone by row, by column and by row of each of four strips; runs of them by row. */
    inkProfiles(inkBelow: number) {
      kernels.inkProfiles(tones[0]!, RASTER_SIDE, inkBelow, rows, columns, strips, runs);
      const line = RASTER_SIDE * 4;
      return {
        rows: counts(rows, RASTER_SIDE),
        columns: counts(columns, RASTER_SIDE),
        strips: Array.from({ length: STRIPS }, (_, strip) => counts(strips + strip * line, RASTER_SIDE)),
        runs: counts(runs, RASTER_SIDE),
      };
    },
  };
}
