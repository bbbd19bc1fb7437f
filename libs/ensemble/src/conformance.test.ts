import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeAll, expect, it } from 'vitest';
import { type TensorflowBackend, tensorflowBackends } from './backend.ts';
import type { Conformance } from './conformance-thread.fixture.ts';

/** A thread for each: TensorFlow.js has one backend a thread, and both native packages want to be `tensorflow`. */
async function trainOn(backend: TensorflowBackend): Promise<Conformance> {
  const thread = new Worker(new URL('./conformance-thread.fixture.ts', import.meta.url), {
    workerData: backend,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [result] = await once(thread, 'message');
  await thread.terminate();
  return result;
}

let results: Conformance[];
beforeAll(async () => {
  results = [];
  for (const backend of tensorflowBackends) results.push(await trainOn(backend));
  for (const result of results) console.log(JSON.stringify(result));
});

it('wasm is always there', () => {
  expect(results.at(-1)).toMatchObject({ backend: 'wasm', headLoss: expect.any(Number) });
});

it.for(tensorflowBackends)('%s comes to the losses of wasm, where it is present', (backend, { skip }) => {
  const own = results.find((result) => result.backend === backend)!;
  const wasm = results.at(-1)!;
  if ('absent' in own) return skip(own.absent);
  if ('absent' in wasm) throw new Error(wasm.absent);
  expect(own.headLoss).toBeCloseTo(wasm.headLoss, 5);
  expect(own.networkLosses).toHaveLength(6);
  // Sums in another order, through some thirty steps of Adam.
  for (const [at, loss] of own.networkLosses.entries())
    expect(Math.abs(loss / wasm.networkLosses[at]! - 1)).toBeLessThan(0.001);
});
