import { spawn } from 'node:child_process';
import {
  closeSync,
  close as closeWithCallback,
  constants,
  fsync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  open,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { unpackOrders, type WriteOrder, type WriterMessage } from './pack-orders.ts';

/** What a writer's thread is started with. */
export interface WriterSetup {
  /** Where files are written before they are moved into place. */
  folder: string;
  /** What the names of files that are being written start with; one writer's alone. */
  temporaryStart: string;
}

export type WriterReply =
  /** The slab comes back: nothing of it is needed any more. */
  | { kind: 'written'; slab: ArrayBuffer }
  /** Durable and in place, but for those that failed. */
  | { kind: 'settled'; ids: number[]; failures: WriteFailure[] };

/** An error as it passes between threads, which would drop its code. */
export interface WriteFailure {
  id: number;
  message: string;
  code: string | undefined;
}

interface WrittenFile {
  id: number;
  /** Undefined where the file was in its place before. */
  temporary: string | undefined;
  path: string;
}

// A process for the flush of a whole file system costs as much as the flushes of some files, so those that come within so long share one.
const flushedSinglyMax = 4;
const betweenFlushesMs = 25;

// On two cores and a virtual disk: 1 MB a file 1,200 files/s and 0.25 ms of processor each, where 360 files/s and 1.3 ms went through the cache; 20 KB a file the
// cache is faster, 17,600 against 11,300 files/s.
const directBytesMin = 256 << 10;
const blockBytes = 4096;
const wasmPageBytes = 64 << 10;
const alignedBytes = 1 << 20;
const { O_CREAT, O_EXCL, O_WRONLY } = constants;
// Linux alone has it.
const O_DIRECT: number | undefined = constants.O_DIRECT;

const openFile = promisify(open);
const flushOpen = promisify(fsync);
const closeFile = promisify(closeWithCallback);

const { folder, temporaryStart } = workerData as WriterSetup;
const reply = (message: WriterReply, handedOver: ArrayBuffer[] = []) => parentPort!.postMessage(message, handedOver);
let written: WrittenFile[] = [];
let failures: WriteFailure[] = [];
let nextName = 0;
let isSettling = false;
let canFlushFileSystem = true;
// TypeScript knows WebAssembly only with the DOM's types, which have no place here.
declare const WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } };
let canWriteDirect = O_DIRECT !== undefined;
// A WebAssembly memory, since these alone begin at a page's address for sure.
let aligned: Uint8Array | undefined;
let flusher: ReturnType<typeof startFlusher> | undefined;

parentPort!.on('message', (message: WriterMessage) => {
  const { slab, own } = message;
  let index = 0;
  for (const order of unpackOrders(message)) {
    try {
      written.push(write(order, own?.get(index) ?? new Uint8Array(slab, order.start, order.length)));
    } catch (error) {
      failures.push(failureOf(order.id, error));
    }
    index++;
  }
  reply({ kind: 'written', slab }, [slab]);
  if (!isSettling) void settleAll();
});

function write({ id, path, keepSame }: WriteOrder, bytes: Uint8Array): WrittenFile {
  if (keepSame) {
    const about = lstatSync(path, { throwIfNoEntry: false });
    // Whoever wrote it may still be waiting for its flush: this order waits for one too.
    if (about?.isFile() && about.size === bytes.length && touch(path)) return { id, temporary: undefined, path };
  }
  const temporary = `${folder}/${temporaryStart}${nextName++}`;
  if (bytes.length >= directBytesMin && canWriteDirect) {
    try {
      writeNew(temporary, O_DIRECT!, (file) => writeDirect(file, bytes));
      return { id, temporary, path };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
      // Not on this file system.
      canWriteDirect = false;
    }
  }
  writeNew(temporary, 0, (file) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  });
  return { id, temporary, path };
}

/** Leaves no file behind when it throws. */
function writeNew(temporary: string, flags: number, fill: (file: number) => void): void {
  let file: number | undefined;
  try {
    file = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | flags, 0o644);
    fill(file);
  } catch (error) {
    // Even an open that fails may have made it: the kernel finds out afterwards that the file system cannot write so.
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Past the kernel's cache, straight from memory to disk: a large image is written once and read much later, and its pages in the cache cost
 * several times as much as all else that is done with it. The kernel takes whole blocks from addresses that are multiples of a block.
 */
function writeDirect(file: number, bytes: Uint8Array): void {
  aligned ??= new Uint8Array(new WebAssembly.Memory({ initial: alignedBytes / wasmPageBytes }).buffer);
  for (let start = 0; start < bytes.length; start += alignedBytes) {
    const part = bytes.subarray(start, start + alignedBytes);
    aligned.set(part);
    const end = Math.ceil(part.length / blockBytes) * blockBytes;
    for (let at = 0; at < end; ) at += writeSync(file, aligned, at, end - at);
  }
  if (bytes.length % blockBytes !== 0) ftruncateSync(file, bytes.length);
}

/** Tells whoever clears away old files that this one is wanted again. False when it is gone meanwhile. */
function touch(path: string): boolean {
  try {
    const now = new Date();
    utimesSync(path, now, now);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

/** Group by group: what is written while one group is being flushed is the next. */
async function settleAll(): Promise<void> {
  isSettling = true;
  for (let flushedAt = 0; written.length > 0 || failures.length > 0; ) {
    const waitMs = flushedAt + betweenFlushesMs - performance.now();
    if (written.length > flushedSinglyMax && waitMs > 0) await sleep(waitMs);
    flushedAt = performance.now();
    const group = written;
    const failed = failures;
    written = [];
    failures = [];
    await settle(group, failed);
    reply({ kind: 'settled', ids: group.map((file) => file.id), failures: failed });
  }
  isSettling = false;
}

/**
 * Content first, then the names: a file that can be seen has all its bytes on disk, whatever happens to the machine. The flush of the folder
 * that was renamed from makes the renames last: a rename is atomic, so a name that is gone there for good is in its new place for good.
 */
async function settle(group: readonly WrittenFile[], failed: WriteFailure[]): Promise<void> {
  const fail = ({ id, temporary }: WrittenFile, error: unknown) => {
    failed.push(failureOf(id, error));
    if (temporary !== undefined) rmSync(temporary, { force: true });
  };
  const broken = await flushContents(group.filter((file) => file.temporary !== undefined));
  for (const file of group) {
    if (file.temporary === undefined) continue;
    if (broken.has(file)) {
      fail(file, broken.get(file));
      continue;
    }
    try {
      moveIntoPlace(file.temporary, file.path);
    } catch (error) {
      fail(file, error);
    }
  }
  try {
    await flush(folder);
  } catch (error) {
    // What lies in its place is whole, but nobody may rely on it yet.
    const known = new Set(failed.map(({ id }) => id));
    for (const { id } of group) if (!known.has(id)) failed.push(failureOf(id, error));
  }
}

function moveIntoPlace(temporary: string, path: string): void {
  try {
    renameSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Somebody has removed the folder since the order was given; it must not come back somewhere else.
    const parent = dirname(path);
    mkdirSync(parent, { recursive: true });
    if (realpathSync(parent) !== parent) throw error;
    renameSync(temporary, path);
  }
}

/** Gives the files that could not be flushed. */
async function flushContents(files: readonly WrittenFile[]): Promise<Map<WrittenFile, unknown>> {
  const broken = new Map<WrittenFile, unknown>();
  if (files.length > flushedSinglyMax && canFlushFileSystem) {
    canFlushFileSystem = await flushFileSystem();
    if (canFlushFileSystem) return broken;
  }
  await Promise.all(files.map((file) => flush(file.temporary!).catch((error: unknown) => broken.set(file, error))));
  return broken;
}

/**
 * One syncfs(2) for all files of the group, by `sync -f` of GNU coreutils, since Node has no call for it. One journal commit and one pass over
 * the dirty pages: on ext4 several times as fast as a flush per file. False where there is no such program or the flush failed; then
 * each file is flushed and says for itself what went wrong.
 */
function flushFileSystem(): Promise<boolean> {
  flusher ??= startFlusher();
  return flusher.flush();
}

/** A shell that runs `sync` once a line: it starts a process in a tenth of the time that Node takes, and holds nobody up meanwhile. It ends with its input. */
function startFlusher(): { flush(): Promise<boolean> } {
  const script = 'while read -r _; do if sync -f "$1"; then echo done; else echo failed; fi; done';
  const child = spawn('sh', ['-c', script, 'sh', folder], { stdio: ['pipe', 'pipe', 'ignore'] });
  let answer: ((isDone: boolean) => void) | undefined;
  let hasEnded = false;
  const take = (isDone: boolean) => {
    answer?.(isDone);
    answer = undefined;
  };
  const end = () => {
    hasEnded = true;
    take(false);
  };
  child.once('error', end).once('exit', end);
  child.stdin.on('error', end);
  child.stdout.on('data', (text: Buffer) => take(text.toString() === 'done\n'));
  return {
    flush: () =>
      new Promise((resolve) => {
        if (hasEnded) resolve(false);
        answer = resolve;
        child.stdin.write('\n');
      }),
  };
}

function failureOf(id: number, error: unknown): WriteFailure {
  const { message, code } = error as NodeJS.ErrnoException;
  return { id, message, code };
}

async function flush(path: string): Promise<void> {
  const file = await openFile(path, 'r');
  try {
    await flushOpen(file);
  } finally {
    await closeFile(file);
  }
}
