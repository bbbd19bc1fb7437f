import { Worker } from 'node:worker_threads';
import type { CurveThreadData, FromCurveThread } from './curve-thread.ts';
import type { EmbeddedLibrary } from './embed-library.ts';
import type { CurvePoint, CurveTask } from './learning-curve.ts';
import type { Split } from './splits.ts';

export interface SplitPoint extends CurvePoint {
  split: Split;
}

export interface RunCurvesOptions {
  strategies: readonly string[];
  budgets: readonly number[];
  threads: number;
  onPoint(point: SplitPoint): void;
}

/** Computes the curves of every split, a split a thread at a time; resolves with the TensorFlow.js backend that did it. */
export async function runCurves(
  pool: EmbeddedLibrary,
  test: EmbeddedLibrary,
  splits: readonly Split[],
  { strategies, budgets, threads, onPoint }: RunCurvesOptions,
): Promise<string> {
  const pagesOf = ({ dims, rows, pageIds, itemIds, labels }: EmbeddedLibrary) => ({
    dims,
    rows,
    pageIds,
    itemIds,
    labels,
  });
  let next = 0;
  let backend = '';
  const lane = async () => {
    const worker = new Worker(new URL('./curve-thread.ts', import.meta.url), {
      workerData: { pool: pagesOf(pool), test: pagesOf(test) } satisfies CurveThreadData,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    try {
      while (next < splits.length) {
        const split = splits[next++]!;
        const { seed, poolRows, testRows } = split;
        await perform(worker, { seed, poolRows, testRows, strategies, budgets }, (message) => {
          if (message.kind === 'point') onPoint({ ...message.point, split });
          if (message.kind === 'backend') backend = message.tensorflowBackend;
        });
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threads, splits.length) }, lane));
  return backend;
}

function perform(worker: Worker, task: CurveTask, onMessage: (message: FromCurveThread) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAny = (message: FromCurveThread) => {
      onMessage(message);
      if (message.kind === 'done') settle(resolve);
    };
    const onError = (error: Error) => settle(() => reject(error));
    const onExit = (code: number) => settle(() => reject(new Error(`a thread ended with status ${code}`)));
    const settle = (then: () => void) => {
      worker.off('message', onAny).off('error', onError).off('exit', onExit);
      then();
    };
    worker.on('message', onAny).on('error', onError).on('exit', onExit);
    worker.postMessage(task);
  });
}
