// A thread that computes the learning curves of one split after the other.
import { parentPort, workerData } from 'node:worker_threads';
import { selectBackend } from '@florilegium/ensemble';
import { type CurvePoint, type CurveTask, type EmbeddedPages, learningCurves } from './learning-curve.ts';

export interface CurveThreadData {
  pool: EmbeddedPages;
  /** The library that is scored; the same as `pool` where folds of it are held out. */
  test: EmbeddedPages;
}
export type FromCurveThread =
  | { kind: 'point'; point: CurvePoint }
  | { kind: 'done' }
  | { kind: 'backend'; tensorflowBackend: string };

const port = parentPort!;
const { pool, test } = workerData as CurveThreadData;
const log = { info: () => {}, warn: () => {} };

port.on('message', async (task: CurveTask) => {
  const tensorflowBackend = await selectBackend('auto', log);
  port.postMessage({ kind: 'backend', tensorflowBackend } satisfies FromCurveThread);
  for (const point of learningCurves(pool, test, task)) {
    port.postMessage({ kind: 'point', point } satisfies FromCurveThread);
    // Lets the points leave before the next one is computed.
    await new Promise((resolve) => setImmediate(resolve));
  }
  port.postMessage({ kind: 'done' } satisfies FromCurveThread);
});
