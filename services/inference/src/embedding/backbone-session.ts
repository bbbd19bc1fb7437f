import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { BackboneManifest, ExecutionProvider } from './backbones.ts';
import { declareOutput } from './onnx-graph.ts';

export interface BackboneSession {
  /** `pixels` holds `count` pages, each side x side x 3 interleaved RGB; the result is row-major [count, dimensions]. Blocks its thread. */
  run(pixels: Uint8Array, count: number): Promise<Float32Array>;
}

/** Loads a backbone into this thread: run it in a worker thread, for a call blocks. */
export async function openBackboneSession(
  manifest: BackboneManifest,
  file: string,
  executionProvider: ExecutionProvider = 'cpu',
): Promise<BackboneSession> {
  const bytes = await readFile(file);
  const declared =
    'name' in manifest.output
      ? { model: bytes, output: manifest.output.name }
      : declareOutput(bytes, manifest.output.operator);
  const session = await InferenceSession.create(declared.model, {
    executionProviders: [executionProvider],
    // One thread a session, several sessions: two threads in one took 5 to 20 ms an image at batch 8, one takes a steady 9.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const { name, side, layout, values } = manifest.input;
  const { tokens } = manifest.output;
  const shape = (count: number) => (layout === 'NHWC' ? [count, side, side, 3] : [count, 3, side, side]);
  return {
    run: async (pixels, count) => {
      const input =
        values === 'uint8'
          ? new Tensor('uint8', pixels, shape(count))
          : new Tensor('float32', normalised(pixels, count, side * side, layout, values), shape(count));
      const results = await session.run({ [name]: input }, [declared.output]);
      const result = results[declared.output];
      if (!(result?.data instanceof Float32Array))
        throw new Error(`${manifest.name} gave no float32 output ${declared.output}`);
      const output = tokens ? imageRows(result.data, count, manifest.dimensions, tokens) : result.data;
      if (output.length !== count * manifest.dimensions)
        throw new Error(`${manifest.name} gave ${output.length} values for ${count} pages of ${manifest.dimensions}`);
      return output;
    },
  };
}

function normalised(
  pixels: Uint8Array,
  count: number,
  area: number,
  layout: 'NHWC' | 'NCHW',
  { mean, deviation }: { mean: readonly number[]; deviation: readonly number[] },
): Float32Array {
  const out = new Float32Array(count * area * 3);
  for (let channel = 0; channel < 3; channel++) {
    const scale = 1 / (255 * deviation[channel]!);
    const shift = -mean[channel]! / deviation[channel]!;
    for (let page = 0; page < count; page++) {
      const from = page * area * 3 + channel;
      const to = layout === 'NCHW' ? page * area * 3 + channel * area : from;
      const step = layout === 'NCHW' ? 1 : 3;
      for (let pixel = 0; pixel < area; pixel++) out[to + pixel * step] = pixels[from + pixel * 3]! * scale + shift;
    }
  }
  return out;
}

/** One row a page of the rows that a transformer gives for its patches; what cannot be cut into such rows is left as it is. */
function imageRows(values: Float32Array, count: number, dimensions: number, tokens: 'first' | 'mean'): Float32Array {
  const tokenCount = values.length / count / dimensions;
  if (!Number.isInteger(tokenCount)) return values;
  const rows = new Float32Array(count * dimensions);
  const taken = tokens === 'first' ? 1 : tokenCount;
  for (let page = 0; page < count; page++) {
    for (let token = 0; token < taken; token++) {
      const from = (page * tokenCount + token) * dimensions;
      for (let at = 0; at < dimensions; at++) rows[page * dimensions + at]! += values[from + at]! / taken;
    }
  }
  return rows;
}
