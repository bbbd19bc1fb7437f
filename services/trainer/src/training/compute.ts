import { Worker } from 'node:worker_threads';
import type {
  Calibration,
  FinetuneParameters,
  L2Choice,
  LinearHead,
  OutOfBagCalibration,
  ProbeParameters,
  TensorflowBackend,
  TrainedMember,
  TrainedNetwork,
} from '@florilegium/ensemble';
import { AppError, cancelled, type ErrorCode, internal, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';

/**
 * `dataset` is the encoded form (see dataset.ts): copied to the thread as one piece. `images`, `parent` and `checkpoint` may be large and are
 * handed over: whoever gave them has them no more.
 */
export type ComputeTask =
  | { kind: 'choose-l2'; dataset: Uint8Array; parameters: ProbeParameters }
  | {
      kind: 'train-member';
      dataset: Uint8Array;
      parameters: ProbeParameters;
      member: number;
      l2: number;
      parent: LinearHead | undefined;
    }
  | { kind: 'calibrate'; dataset: Uint8Array; parameters: ProbeParameters; logits: Float64Array[] }
  | {
      kind: 'train-network';
      dataset: Uint8Array;
      images: Uint8Array;
      parameters: FinetuneParameters;
      member: number;
      parent: Float32Array | undefined;
      checkpoint: Uint8Array | undefined;
      checkpointEveryMs: number;
    }
  | { kind: 'calibrate-networks'; dataset: Uint8Array; logits: Float64Array[] };

interface Results {
  'choose-l2': L2Choice;
  'train-member': TrainedMember;
  calibrate: Calibration;
  'train-network': TrainedNetwork;
  'calibrate-networks': OutOfBagCalibration;
}
type ResultOf<Task extends ComputeTask> = Results[Task['kind']] & { tensorflowBackend: TensorflowBackend };

export type FromComputeThread =
  | { type: 'done'; result: unknown }
  | { type: 'failed'; code: ErrorCode; message: string }
  | { type: 'epoch'; epoch: number; loss: number; stopLoss: number | undefined }
  | { type: 'checkpoint'; bytes: Uint8Array }
  | { type: 'log'; level: 'info' | 'warn'; fields: object; text: string };

export interface ComputeOptions {
  signal: AbortSignal;
  onEpoch?: (epoch: number, loss: number, stopLoss: number | undefined) => void;
  onCheckpoint?: (bytes: Uint8Array) => void;
}

export interface Compute {
  /**
   * Runs a task in a thread that is free; waits for one when none is. Rejects with the thread's error, with `cancelled` when the
   * signal is aborted (the thread is ended then, in the middle of its arithmetic), with `internal` when the thread dies.
   */
  run<Task extends ComputeTask>(task: Task, options: ComputeOptions): Promise<ResultOf<Task>>;
  close(): Promise<void>;
}

/** A pool of threads that start when first needed and keep their TensorFlow.js backend. */
export function createCompute(threadsMax: number, wanted: TensorflowBackend | 'auto', log: Log): Compute {
  const idle: ComputeThread[] = [];
  const waiting = new Set<() => void>();
  let busy = 0;

  const wait = (signal: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      waiting.delete(resolve);
      reject(cancellationOf(signal.reason));
    };
    waiting.add(resolve);
    signal.addEventListener('abort', leave, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', leave));
  };
  const acquire = async (signal: AbortSignal) => {
    if (signal.aborted) throw cancellationOf(signal.reason);
    if (busy >= threadsMax) await wait(signal);
    else busy++;
    // A thread may have died while it was idle; what is sent to it would never be answered.
    for (let thread = idle.pop(); thread; thread = idle.pop()) if (thread.isUsable) return thread;
    return new ComputeThread(wanted, log);
  };
  const release = (thread: ComputeThread) => {
    if (thread.isUsable) idle.push(thread);
    const [next] = waiting;
    // The place passes on without being free in between.
    if (next) {
      waiting.delete(next);
      next();
    } else busy--;
  };

  return {
    run: async (task, { signal, ...listeners }) => {
      const thread = await acquire(signal);
      const end = () => thread.end(signal.reason);
      signal.addEventListener('abort', end, { once: true });
      try {
        if (signal.aborted) throw cancellationOf(signal.reason);
        return (await thread.perform(task, listeners)) as never;
      } finally {
        signal.removeEventListener('abort', end);
        release(thread);
      }
    },
    close: async () => {
      await Promise.all(idle.splice(0).map((thread) => thread.end(undefined)));
    },
  };
}

type Listeners = Omit<ComputeOptions, 'signal'>;

interface Job extends Listeners {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One worker thread and the task that it has in hand. */
class ComputeThread {
  readonly #worker: Worker;
  #job: Job | undefined;
  isUsable = true;

  constructor(wanted: TensorflowBackend | 'auto', log: Log) {
    this.#worker = new Worker(new URL('./compute-thread.ts', import.meta.url), {
      workerData: { wanted },
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.#worker.on('message', (message: FromComputeThread) => {
      if (message.type === 'epoch') this.#job?.onEpoch?.(message.epoch, message.loss, message.stopLoss);
      else if (message.type === 'checkpoint') this.#job?.onCheckpoint?.(message.bytes);
      else if (message.type === 'log') log[message.level](message.fields, message.text);
      else if (message.type === 'done') this.#takeJob()?.resolve(message.result);
      else this.#takeJob()?.reject(new AppError(message.code, message.message));
    });
    this.#worker.on('error', (error) => {
      this.#fail(internal(`the compute thread failed: ${messageOf(error)}`, { cause: error }));
    });
    this.#worker.on('exit', (code) => this.#fail(internal(`the compute thread ended with status ${code}`)));
  }

  perform(task: ComputeTask, listeners: Listeners): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#job = { ...listeners, resolve, reject };
      this.#worker.ref();
      this.#worker.postMessage(task, handedOver(task));
    });
  }

  async end(reason: unknown): Promise<void> {
    this.#fail(cancellationOf(reason));
    await this.#worker.terminate();
  }

  #takeJob(): Job | undefined {
    const job = this.#job;
    this.#job = undefined;
    // An idle thread keeps no process alive.
    this.#worker.unref();
    return job;
  }

  #fail(error: Error): void {
    this.isUsable = false;
    this.#takeJob()?.reject(error);
  }
}

/** Buffers that need no copy: those that hold nothing else, as those of small files do in Node. */
function handedOver(task: ComputeTask): ArrayBuffer[] {
  if (task.kind !== 'train-network') return [];
  const large = [task.images, task.parent, task.checkpoint].filter((part) => part !== undefined);
  return large.flatMap(({ buffer, byteLength }) =>
    buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [],
  );
}

const cancellationOf = (reason: unknown) =>
  reason instanceof AppError ? reason : cancelled('the training was stopped');
