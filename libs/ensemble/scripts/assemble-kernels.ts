// Writes kernels.wasm from kernels.wat; a test says when it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import createWabt from 'wabt';

const place = (ending: string) => new URL(`../src/half-rows/kernels.${ending}`, import.meta.url);

export async function assembleKernels(): Promise<Uint8Array> {
  const wabt = await createWabt();
  const module = wabt.parseWat('kernels.wat', readFileSync(place('wat'), 'utf8'), { simd: true, bulk_memory: true });
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

if (import.meta.main) writeFileSync(place('wasm'), await assembleKernels());
