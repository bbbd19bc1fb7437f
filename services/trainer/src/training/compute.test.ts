import { readProbeParameters } from '@florilegium/ensemble';
import { silentLog } from '@florilegium/log';
import { afterAll, expect, it } from 'vitest';
import { type ComputeTask, createCompute } from './compute.ts';
import { encodeDataset } from './dataset.ts';

const compute = createCompute(1, 'wasm', silentLog);
afterAll(() => compute.close());

const signal = new AbortController().signal;
/** Pages of one dimension: 1 for HQ, -1 for LQ, as many as asked for. */
function aTask(pageCount: number, given: { labels?: 'HQ'[] } = {}): ComputeTask {
  const labels =
    given.labels ?? Array.from({ length: pageCount }, (_, page) => (page % 2 ? ('HQ' as const) : ('LQ' as const)));
  const dataset = encodeDataset({
    dims: 1,
    pageIds: Int32Array.from(labels, (_, page) => page),
    itemIds: Int32Array.from(labels, (_, page) => page % 10),
    labels,
    halves: new Uint8Array(Uint16Array.from(labels, (_, page) => (page % 2 ? 0x3c00 : 0xbc00)).buffer),
  });
  return { kind: 'choose-l2', dataset, parameters: readProbeParameters({}) };
}

it('runs one task after the other in the same thread, and keeps the code of an error', async () => {
  expect(await compute.run(aTask(20), { signal })).toMatchObject({ tensorflowBackend: 'wasm', l2: expect.any(Number) });
  await expect(compute.run(aTask(2, { labels: ['HQ', 'HQ'] }), { signal })).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('0 usable LQ'),
  });
  const both = await Promise.all([compute.run(aTask(20), { signal }), compute.run(aTask(30), { signal })]);
  expect(both).toHaveLength(2);
});

it('ends a task in its middle when the signal says so, and works on with a new thread', async () => {
  const stop = new AbortController();
  const started = Date.now();
  // Seconds of work: the stop comes long before its end.
  const running = compute.run(aTask(200_000), { signal: stop.signal });
  setTimeout(() => stop.abort(), 50);
  await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  expect(Date.now() - started).toBeLessThan(1500);
  expect(await compute.run(aTask(20), { signal })).toMatchObject({ tensorflowBackend: 'wasm' });
});

it('does not begin what is stopped already', async () => {
  await expect(compute.run(aTask(20), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  expect(await compute.run(aTask(20), { signal })).toMatchObject({ tensorflowBackend: 'wasm' });
});

it('stops what still waits for a thread, and gives the thread to the next', async () => {
  const [busy, stop] = [new AbortController(), new AbortController()];
  const running = compute.run(aTask(200_000), { signal: busy.signal });
  const waiting = compute.run(aTask(20), { signal: stop.signal });
  const next = compute.run(aTask(20), { signal });
  setTimeout(() => stop.abort(), 20);
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  busy.abort();
  await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  expect(await next).toMatchObject({ tensorflowBackend: 'wasm' });
});
