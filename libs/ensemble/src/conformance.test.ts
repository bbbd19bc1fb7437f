import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeAll, expect, it } from 'vitest';
import { tensorflowBackends } from './backend.ts';
import type { ComparedBackend, Conformance } from './conformance-thread.fixture.ts';

/** A thread for each: TensorFlow.js has one backend a thread, and both native packages want to be `tensorflow`. */
async function trainOn(backend: ComparedBackend): Promise<Conformance> {
  const thread = new Worker(new URL('./conformance-thread.fixture.ts', import.meta.url), {
    workerData: backend,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [result] = await once(thread, 'message');
  await thread.terminate();
  return result;
}

const backends: ComparedBackend[] = [...tensorflowBackends, 'cpu'];
let results: Conformance[];
const of = (backend: ComparedBackend) => results.find((result) => result.backend === backend)!;
beforeAll(async () => {
  results = [];
  for (const backend of backends) results.push(await trainOn(backend));
  for (const result of results) console.log(JSON.stringify(result));
});

it.each(['wasm', 'cpu'] as const)('%s is always there', (backend) => {
  expect(of(backend)).toMatchObject({ headLoss: expect.any(Number) });
});

it.for(backends)('%s comes to the losses of wasm, where it is present', (backend, { skip }) => {
  const own = of(backend);
  const wasm = of('wasm');
  if ('absent' in own) return skip(own.absent);
  if ('absent' in wasm) throw new Error(wasm.absent);
  expect(own.headLoss).toBeCloseTo(wasm.headLoss, 5);
  expect(own.networkLosses).toHaveLength(6);
  // Sums in another order, through some thirty steps of Adam.
  for (const [at, loss] of own.networkLosses.entries())
    expect(Math.abs(loss / wasm.networkLosses[at]! - 1)).toBeLessThan(0.001);
});
