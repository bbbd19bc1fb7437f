import { readFileSync } from 'node:fs';
import { sigmoid } from '../calibrate.ts';
import type { Ensemble } from '../ensemble.ts';

/** Rows of half floats, little endian, within a stretch of bytes: row `k` begins at `starts[k]`. */
export interface HalfRows {
  bytes: Uint8Array;
  starts: ArrayLike<number>;
}

/**
 * Calibrated P(HQ) by every member of each row, row-major [rows, members]: what `predict` gives for the same rows as single floats, but for
 * rounding. Needs no TensorFlow; the rows are read where they lie.
 */
export function predictHalfRows(ensemble: Ensemble, { bytes, starts }: HalfRows): Float32Array {
  const { dims, members, temperature } = ensemble;
  let kernels = kernelsOfEnsembles.get(ensemble);
  if (!kernels) {
    kernels = createKernels(dims, members.length);
    for (const [index, { weights }] of members.entries()) kernels.setVector(index, weights);
    kernelsOfEnsembles.set(ensemble, kernels);
  }
  const base = kernels.hold(bytes);
  const probabilities = new Float32Array(starts.length * members.length);
  for (let row = 0, at = 0; row < starts.length; row++) {
    kernels.decode(base + starts[row]!);
    for (let index = 0; index < members.length; index++)
      probabilities[at++] = sigmoid((kernels.dotWith(index) + members[index]!.bias) / temperature);
  }
  return probabilities;
}

const kernelsOfEnsembles = new WeakMap<Ensemble, Kernels>();

/** Mean of each dimension, and one over its deviation. */
export interface Standardisation {
  mean: Float64Array;
  scale: Float64Array;
}

/** The cosine of rows with one wanted row, all of them less the mean and divided by the deviation, dimension by dimension. */
export function cosinesWith(wanted: HalfRows, { mean, scale }: Standardisation): (rows: HalfRows) => Float32Array {
  const kernels = createKernels(mean.length, 3);
  kernels.setVector(0, mean);
  kernels.setVector(1, scale);
  const standardise = (start: number) => {
    kernels.decode(start);
    kernels.standardiseBy(0, 1);
  };
  standardise(kernels.hold(wanted.bytes) + wanted.starts[0]!);
  const length = Math.sqrt(kernels.dotWithItself());
  kernels.keepAs(2);
  return ({ bytes, starts }) => {
    const base = kernels.hold(bytes);
    const cosines = new Float32Array(starts.length);
    for (let row = 0; row < starts.length; row++) {
      standardise(base + starts[row]!);
      cosines[row] = kernels.dotWith(2) / (length * Math.sqrt(kernels.dotWithItself()) || 1);
    }
    return cosines;
  };
}

/** Sums of rows and of their squares, dimension by dimension, in double floats. */
export function momentsOfHalfRows(dims: number) {
  // A vector of double floats takes the room of two.
  const kernels = createKernels(dims, 4);
  let count = 0;
  return {
    add: ({ bytes, starts }: HalfRows) => {
      const base = kernels.hold(bytes);
      for (let row = 0; row < starts.length; row++) {
        kernels.decode(base + starts[row]!);
        kernels.addMomentsTo(0, 2);
      }
      count += starts.length;
    },
    read: () => ({ count, sums: kernels.doubles(0), squares: kernels.doubles(2) }),
  };
}

interface Exports {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  decode(from: number, to: number, dims: number, count: number): void;
  dot(a: number, b: number, count: number): number;
  standardise(row: number, mean: number, scale: number, count: number): void;
  addMoments(row: number, sums: number, squares: number, count: number): void;
}

type Kernels = ReturnType<typeof createKernels>;

const LANES = 16;
/** A decoder reads whole groups of eight halves: so many bytes behind the last row may be touched. */
const SLACK_BYTES = 64;
const WASM_PAGE_BYTES = 65_536;
// TypeScript knows WebAssembly only with the DOM's types, which this library must not see.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};
let compiled: object | undefined;

/** A memory of its own: one row decoded, `vectorCount` vectors of its width, and the bytes that are held. */
function createKernels(dims: number, vectorCount: number) {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./kernels.wasm', import.meta.url)));
  const { memory, decode, dot, standardise, addMoments } = new WebAssembly.Instance(compiled).exports as Exports;
  const count = Math.ceil(dims / LANES) * LANES;
  const vectorBytes = count * 4;
  const row = 0;
  const vector = (index: number) => vectorBytes * (1 + index);
  const held = vector(vectorCount);
  const reserve = (bytes: number) => {
    const lacking = held + bytes + SLACK_BYTES - memory.buffer.byteLength;
    if (lacking > 0) memory.grow(Math.ceil(lacking / WASM_PAGE_BYTES));
  };
  reserve(0);
  const floats = (index: number) => new Float32Array(memory.buffer, vector(index), count);
  return {
    setVector: (index: number, values: ArrayLike<number>) => floats(index).set(values),
    keepAs: (index: number) => floats(index).set(new Float32Array(memory.buffer, row, count)),
    /** Copies bytes in; gives the address of the first. They stay until the next are held. */
    hold: (bytes: Uint8Array) => {
      reserve(bytes.length);
      new Uint8Array(memory.buffer).set(bytes, held);
      return held;
    },
    decode: (start: number) => decode(start, row, dims, count),
    dotWith: (index: number) => dot(row, vector(index), count),
    dotWithItself: () => dot(row, row, count),
    standardiseBy: (mean: number, scale: number) => standardise(row, vector(mean), vector(scale), count),
    addMomentsTo: (sums: number, squares: number) => addMoments(row, vector(sums), vector(squares), count),
    doubles: (index: number) => new Float64Array(memory.buffer, vector(index), dims).slice(),
  };
}
