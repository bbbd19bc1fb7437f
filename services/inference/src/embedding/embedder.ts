import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { internal, messageOf, unavailable } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { BackboneManifest, ExecutionProvider } from './backbones.ts';
import { decodePage } from './decode-page.ts';
import type { EmbeddingRecipe } from './embedding-recipe.ts';
import type { ThreadReply, ThreadRequest, ThreadSetup } from './embedding-thread.ts';
import { RASTER_SIDE } from './page-raster.ts';

export type EmbedResult = { kind: 'embedded'; values: Float32Array } | { kind: 'corrupt'; reason: string };

export interface Embedder {
  recipe: EmbeddingRecipe;
  /**
   * Embeds one image. Waits for its turn: no more than `inFlightMax` images are decoded or held at once, whoever asks.
   * @throws unavailable while no thread starts
   */
  embed(content: Uint8Array): Promise<EmbedResult>;
  inFlightMax: number;
  close(): Promise<void>;
}

export interface EmbedderOptions {
  recipe: EmbeddingRecipe;
  /** Weights of the recipe's backbone. */
  file: string | undefined;
  threads: number;
  /** `cpu` unless given. */
  executionProvider?: ExecutionProvider;
  log: Log;
  /** How long to wait after a thread that did not start in place of a lost one; twice as long each time, a minute at most. */
  restartMs?: number;
  /** Starts the program of a thread; a test that ends threads gives its own. */
  startThread?: (setup: ThreadSetup) => Worker;
}

interface Waiting {
  page: ThreadRequest['pages'][number];
  resolve(values: Float32Array): void;
  reject(error: Error): void;
}

interface Thread {
  worker: Worker;
  /** Batches sent and not answered, oldest first. */
  sent: Waiting[][];
}

/** As many images a forward pass as it gains from. */
const BATCH_MAX = 8;
/** One in work and one waiting, so that a thread never idles while the answer travels. */
const SENT_MAX = 2;
const THREAD_START_MS = 30_000;
const RESTART_MS_MAX = 60_000;

/** Starts the threads; rejects when one cannot load the backbone. */
export async function createEmbedder(options: EmbedderOptions): Promise<Embedder> {
  const { recipe, file, threads, executionProvider = 'cpu', log, restartMs = 1000 } = options;
  const start = options.startThread ?? startThread;
  const setup: ThreadSetup = {
    backbone: recipe.backbone && file ? { manifest: recipe.backbone, file, executionProvider } : undefined,
  };
  if (recipe.backbone && !file) throw unavailable(`the weights of ${recipe.backbone.name} are missing`);
  const queue: Waiting[] = [];
  const pool: Thread[] = [];
  const closing = new AbortController();
  /** Why no thread starts; undefined when the last one that was tried did. */
  let startFault: string | undefined;
  const inFlightMax = threads * BATCH_MAX + 4;
  const turns = createTurns(inFlightMax);
  const decodes = createTurns(4);
  await Promise.all(Array.from({ length: threads }, addThread));

  return {
    recipe,
    inFlightMax,
    embed: (content) =>
      turns(async (): Promise<EmbedResult> => {
        let page: Waiting['page'];
        try {
          page = await decodes(() => decodePage(content));
        } catch (error) {
          return { kind: 'corrupt', reason: messageOf(error) };
        }
        if (pool.length === 0 && startFault !== undefined) throw noThread(startFault);
        const values = await new Promise<Float32Array>((resolve, reject) => {
          queue.push({ page, resolve, reject });
          dispatch();
        });
        return { kind: 'embedded', values };
      }),
    close: async () => {
      closing.abort();
      for (const waiting of queue.splice(0)) waiting.reject(unavailable('the embedder is closing'));
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };

  function dispatch(): void {
    while (queue.length > 0) {
      const thread = pool.reduce<Thread | undefined>(
        (best, next) => (best && best.sent.length <= next.sent.length ? best : next),
        undefined,
      );
      if (!thread || thread.sent.length >= SENT_MAX) return;
      // Whatever is there goes at once: a batch of one costs no more an image than one of eight.
      const batch = queue.splice(0, BATCH_MAX);
      thread.sent.push(batch);
      const pages = batch.map(({ page }) => page);
      thread.worker.postMessage(
        { pages } satisfies ThreadRequest,
        pages.map(({ rgb }) => rgb.buffer),
      );
    }
  }

  async function addThread(): Promise<void> {
    const worker = start(setup);
    await readiness(worker);
    if (closing.signal.aborted) return void (await worker.terminate());
    const thread: Thread = { worker, sent: [] };
    pool.push(thread);
    worker.on('message', (reply: ThreadReply) => {
      const batch = thread.sent.shift() ?? [];
      if (reply.kind === 'embedded') {
        for (const [index, waiting] of batch.entries())
          waiting.resolve(reply.values.subarray(index * recipe.dimensions, (index + 1) * recipe.dimensions));
      } else if (reply.kind === 'failed') {
        for (const waiting of batch) waiting.reject(internal(`embedding failed: ${reply.reason}`));
      }
      dispatch();
    });
    worker.on('error', (error) => log.error({ err: error }, 'embedding thread failed'));
    worker.on('exit', (code) => {
      pool.splice(pool.indexOf(thread), 1);
      for (const waiting of thread.sent.flat())
        waiting.reject(unavailable(`an embedding thread ended with code ${code}`));
      if (closing.signal.aborted) return;
      log.warn({ code }, 'embedding thread lost');
      void replaceThread();
    });
  }

  /** Tries until one starts: what is missing (memory, the file on a volume) may come back. Nobody waits for that; their batches are tried again. */
  async function replaceThread(): Promise<void> {
    for (let pauseMs = restartMs; !closing.signal.aborted; pauseMs = Math.min(2 * pauseMs, RESTART_MS_MAX)) {
      try {
        await addThread();
        startFault = undefined;
        dispatch();
        return;
      } catch (error) {
        startFault = messageOf(error);
        log.error({ reason: startFault, threads: pool.length, retryInMs: pauseMs }, 'no embedding thread starts');
        if (pool.length === 0) for (const waiting of queue.splice(0)) waiting.reject(noThread(startFault));
        await pause(pauseMs, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      }
    }
  }
}

const noThread = (reason: string) => unavailable(`no embedding thread starts: ${reason}`);

/** Loads a backbone in a thread of its own and embeds an empty page with it. Rejects with the runtime's reason when that fails. */
export async function tryOutBackbone(
  manifest: BackboneManifest,
  file: string,
  executionProvider: ExecutionProvider = 'cpu',
): Promise<void> {
  const worker = startThread({ backbone: { manifest, file, executionProvider } });
  try {
    await readiness(worker);
    const page = { rgb: new Uint8Array(RASTER_SIDE * RASTER_SIDE * 3).fill(255), aspect: 0.7 };
    const reply = nextReply(worker);
    worker.postMessage({ pages: [page] } satisfies ThreadRequest);
    const answer = await reply;
    if (answer.kind === 'failed') throw new Error(answer.reason);
  } finally {
    await worker.terminate();
  }
}

const startThread = (setup: ThreadSetup) =>
  new Worker(new URL('./embedding-thread.ts', import.meta.url), { workerData: setup, execArgv: [] });

async function readiness(worker: Worker): Promise<void> {
  const reply = await nextReply(worker);
  if (reply.kind === 'failed') {
    await worker.terminate();
    throw new Error(reply.reason);
  }
}

function nextReply(worker: Worker): Promise<ThreadReply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => settle(() => reject(new Error(`no answer within ${THREAD_START_MS / 1000} s`))),
      THREAD_START_MS,
    );
    const onMessage = (reply: ThreadReply) => settle(() => resolve(reply));
    const onError = (error: Error) => settle(() => reject(error));
    const onExit = (code: number) => settle(() => reject(new Error(`the thread ended with code ${code}`)));
    function settle(then: () => void) {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      then();
    }
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

/** Runs at most `max` tasks at once; the others wait in the order they came. */
function createTurns(max: number): <Result>(task: () => Promise<Result>) => Promise<Result> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
