// Compiles a folder of AssemblyScript, from its index.ts, to WebAssembly: node scripts/compile-kernels.ts FOLDER FILE.wasm
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';

/** The module's bytes, the same for the same sources. Throws what the compiler says of a source that it refuses. */
export async function compileKernels(folder: string): Promise<Uint8Array> {
  const written = new Map<string, string | Uint8Array>();
  // No garbage collector and no start-up code: kernels work on the memory that their caller lays out.
  const options = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];
  const { error, stderr } = await asc.main(
    ['index.ts', '--baseDir', resolve(folder), '--outFile', 'kernels.wasm', ...options],
    { writeFile: (name, contents) => void written.set(name, contents) },
  );
  const bytes = written.get('kernels.wasm');
  if (error || !(bytes instanceof Uint8Array)) throw new Error(`${folder}: ${stderr}`, { cause: error });
  return bytes;
}

if (import.meta.main) {
  const [folder, file] = process.argv.slice(2);
  if (!folder || !file) throw new Error('usage: node scripts/compile-kernels.ts FOLDER FILE.wasm');
  writeFileSync(file, await compileKernels(folder));
  console.log(`${join(folder, 'index.ts')} -> ${file}`);
}
