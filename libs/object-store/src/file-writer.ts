import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { internal } from '@florilegium/errors';
import type { WriterReply, WriterSetup } from './file-writer-thread.ts';
import { packOrders, type WriteOrder, type WriterMessage } from './pack-orders.ts';

/** Writes files that are there whole or not at all, on a thread of its own, and flushes those that come together together. */
export interface FileWriter {
  /**
   * Resolves when the bytes have been taken over and may change or be forgotten; `durable` when the file is at `path` and would be after
   * a crash of the machine. A file is not at `path` before its bytes are on disk. `keepSame`: a file of the same length is the same.
   */
  write(path: string, bytes: Uint8Array, options: { keepSame: boolean }): Promise<{ durable: Promise<void> }>;
}

// Bytes on their way to the thread. Copied into memory that is used again and again: fresh memory costs more than the copy.
const slabBytes = 2 << 20;
const slabCount = 4;
// Files that come one by one go together: a message costs as much as writing a small one, and nobody waits for the first without its flush.
const gatherMs = 2;
const gatherBytes = slabBytes / 8;
// What is written and not yet flushed is the kernel's to keep; past this the disk is what everybody waits for.
const unsettledFilesMax = 2048;
const unsettledBytesMax = 256 << 20;

interface Unsettled {
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * A writer of files on the file system of `folder`, where they are written under names that start with `temporaryStart` before they are
 * moved to their paths. Its thread starts with the first file and keeps no process from ending but while files are under way.
 */
export function openFileWriter(folder: string, temporaryStart: string): FileWriter {
  const unsettled = new Map<number, Unsettled>();
  let unsettledBytes = 0;
  let nextId = 0;
  let thread: WriterThread | undefined;
  let waiting: (() => void)[] = [];

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const go of woken) go();
  }
  const change = () => new Promise<void>((resolve) => waiting.push(resolve));

  function settle(id: number, error: Error | undefined): void {
    const file = unsettled.get(id);
    if (!file) return;
    unsettled.delete(id);
    unsettledBytes -= file.bytes;
    if (error) file.reject(error);
    else file.resolve();
  }

  function onReply(message: WriterReply): void {
    if (message.kind === 'settled') {
      for (const { id, message: text, code } of message.failures) settle(id, Object.assign(new Error(text), { code }));
      for (const id of message.ids) settle(id, undefined);
      if (unsettled.size === 0) thread?.rest();
    }
    wake();
  }

  function onEnd(error: Error): void {
    thread = undefined;
    for (const id of [...unsettled.keys()]) settle(id, error);
    wake();
  }

  return {
    async write(path, bytes, { keepSame }) {
      let place: Place | undefined;
      for (;;) {
        // The first file is let through whatever its size.
        const isFull =
          unsettled.size >= unsettledFilesMax ||
          (unsettled.size > 0 && unsettledBytes + bytes.length > unsettledBytesMax);
        if (!isFull) {
          thread ??= startThread(folder, temporaryStart, onReply, onEnd);
          place = thread.take(bytes.length);
          if (place) break;
        }
        await change();
      }
      const id = nextId++;
      const durable = new Promise<void>((resolve, reject) => {
        unsettled.set(id, { bytes: bytes.length, resolve, reject });
      });
      unsettledBytes += bytes.length;
      place.put(bytes, { id, path, keepSame });
      // Whoever stops at another failure may never look at this one.
      durable.catch(() => {});
      return { durable };
    },
  };
}

interface Place {
  put(bytes: Uint8Array, order: Pick<WriteOrder, 'id' | 'path' | 'keepSame'>): void;
}

interface WriterThread {
  /** Room for so many bytes on their way; undefined when there is none now. */
  take(bytes: number): Place | undefined;
  /** Lets the process end. */
  rest(): void;
}

interface Filling {
  slab: ArrayBuffer;
  view: Uint8Array;
  orders: WriteOrder[];
  used: number;
  own: Map<number, Uint8Array<ArrayBuffer>>;
}

function startThread(
  folder: string,
  temporaryStart: string,
  onReply: (reply: WriterReply) => void,
  onEnd: (error: Error) => void,
): WriterThread {
  const setup: WriterSetup = { folder, temporaryStart: `${temporaryStart}${randomUUID()}-` };
  const worker = new Worker(new URL('./file-writer-thread.ts', import.meta.url), { workerData: setup });
  // The last used first: a slow trickle touches the memory of one.
  const free = Array.from({ length: slabCount }, () => new ArrayBuffer(slabBytes));
  let filling: Filling | undefined;
  let gathering: NodeJS.Timeout | undefined;

  function send(): void {
    clearTimeout(gathering);
    gathering = undefined;
    if (!filling) return;
    const { slab, orders, own } = filling;
    filling = undefined;
    const message: WriterMessage = { slab, ...packOrders(orders), own: own.size > 0 ? own : undefined };
    worker.postMessage(message, [slab, ...Array.from(own.values(), ({ buffer }) => buffer)]);
  }

  worker.on('message', (reply: WriterReply) => {
    if (reply.kind === 'written') {
      free.push(reply.slab);
    }
    onReply(reply);
  });
  worker.on('error', onEnd);
  worker.on('exit', (code) => onEnd(internal(`the thread that writes files ended with ${code}`)));
  worker.unref();

  return {
    take(bytes) {
      const isLarge = bytes > slabBytes;
      if (filling && !isLarge && filling.used + bytes > slabBytes) send();
      if (!filling) {
        const slab = free.pop();
        if (slab === undefined) return undefined;
        filling = { slab, view: new Uint8Array(slab), orders: [], used: 0, own: new Map() };
      }
      const message = filling;
      return {
        put(content, order) {
          worker.ref();
          message.orders.push({ ...order, start: message.used, length: bytes });
          if (isLarge) {
            // A Buffer's own `slice` would share the caller's memory, which goes away with the message.
            message.own.set(message.orders.length - 1, new Uint8Array(content));
          } else {
            message.view.set(content, message.used);
            message.used += bytes;
          }
          if (isLarge || message.used >= gatherBytes) send();
          else gathering ??= setTimeout(send, gatherMs);
        },
      };
    },
    rest: () => worker.unref(),
  };
}
