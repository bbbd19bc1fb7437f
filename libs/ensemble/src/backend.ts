import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { internal, messageOf } from '@florilegium/errors';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { registerWasmKernels } from './network/wasm-kernels.ts';

export const tensorflowBackends = ['tfjs-node-gpu', 'tfjs-node', 'wasm'] as const;
export type TensorflowBackend = (typeof tensorflowBackends)[number];

export interface BackendLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

let chosen: { wanted: TensorflowBackend | 'auto'; backend: Promise<TensorflowBackend> } | undefined;

/**
 * Makes TensorFlow.js ready in this thread and says with what: tfjs-node-gpu, else tfjs-node, else wasm (SIMD, one thread). A native
 * package that is absent, has no binding or does not load is logged and passed over when `wanted` is `auto`, and an `internal`
 * error when it was asked for by name. The plain cpu backend (40 times slower than wasm) is never used: a wasm that does not
 * start is an error. The choice is made once a thread; asking again for the same costs nothing.
 */
export function selectBackend(wanted: TensorflowBackend | 'auto', log: BackendLog): Promise<TensorflowBackend> {
  if (chosen?.wanted !== wanted) chosen = { wanted, backend: startFirstOf(wanted, log) };
  return chosen.backend;
}

async function startFirstOf(wanted: TensorflowBackend | 'auto', log: BackendLog): Promise<TensorflowBackend> {
  for (const backend of wanted === 'auto' ? tensorflowBackends : [wanted]) {
    try {
      await (backend === 'wasm' ? startWasm() : startNative(backend));
      log.info({ tensorflowBackend: backend }, 'TensorFlow.js is ready');
      return backend;
    } catch (error) {
      if (wanted !== 'auto' || backend === 'wasm') {
        throw internal(`TensorFlow.js backend ${backend} cannot be used: ${messageOf(error)}`, { cause: error });
      }
      log.warn(
        { tensorflowBackend: backend, reason: firstLine(messageOf(error)) },
        'TensorFlow.js backend passed over',
      );
    }
  }
  throw internal('no TensorFlow.js backend was named');
}

/** Both native packages register their backend as `tensorflow` on the one shared tfjs-core when they are loaded. */
async function startNative(backend: 'tfjs-node-gpu' | 'tfjs-node'): Promise<void> {
  // The name is computed, so that neither tsc nor a bundler wants a package that may be absent.
  const packageName: string = `@tensorflow/${backend}`;
  await import(packageName);
  await activate('tensorflow');
}

async function startWasm(): Promise<void> {
  const packageFile = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');
  setWasmPaths(join(dirname(packageFile), 'dist') + sep);
  // Its threads do not work in Node and would end, silently, on the cpu backend.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  registerWasmKernels();
  await activate('wasm');
}

async function activate(name: string): Promise<void> {
  const started = await tf.setBackend(name);
  await tf.ready();
  if (!started || tf.getBackend() !== name) throw new Error(`asked for ${name}, got ${tf.getBackend() || 'none'}`);
}

const firstLine = (text: string) => text.split('\n', 1)[0]!;
