import { mkdir, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkImage,
  defaultImageLimits,
  defaultRetryLimits,
  fetchImage,
  type ImageClient,
  type ImageSize,
  imageFormats,
  movePage,
  type RetryLimits,
} from '@florilegium/bhl';
import { failedPrecondition } from '@florilegium/errors';
import { type FileWriter, openFileWriter } from '@florilegium/object-store/file-writer';
import { type FailedPage, openFailuresFile } from './failures-file.ts';

export interface DownloadPagesOptions {
  client: ImageClient;
  pageIds: readonly number[];
  dir: string;
  size: ImageSize;
  /** Pages under way at once. */
  concurrency: number;
  signal: AbortSignal;
  onDone: (done: number, bytes: number) => void;
  retryLimits?: RetryLimits;
}

export interface DownloadResult {
  fetched: number;
  bytes: number;
  /** Whole images that the folder held before. */
  kept: number;
  failed: number;
  failedByOutcome: Record<string, number>;
}

/**
 * Fetches pages into `dir` as `<PageID>.<real extension>`. A file is there whole or not at all; what an earlier download left is checked
 * and kept. Pages that fail for good go to `failures.csv`, which also keeps what it says of pages outside this list. Several downloads may fill
 * one folder side by side, each with its own part of a list.
 * Memory: a few bytes a page, and `concurrency` images.
 */
export async function downloadPages(options: DownloadPagesOptions): Promise<DownloadResult> {
  const { client, dir, size, concurrency, signal, onDone, retryLimits = defaultRetryLimits } = options;
  const pageIds = [...new Set(options.pageIds)];
  await mkdir(dir, { recursive: true });
  const folder = await realpath(dir);
  const files = openFileWriter(folder, `${temporaryStart}${process.pid}@${hostname()}@`);
  await claimFolder(files, folder, size);
  const there = await findFiles(dir);
  const failures = await openFailuresFile(join(dir, 'failures.csv'), new Set(pageIds));
  const result: DownloadResult = { fetched: 0, bytes: 0, kept: 0, failed: 0, failedByOutcome: {} };

  const undurable = new Set<Promise<void>>();
  let writeFailure: unknown;
  const showDone = () => onDone(result.fetched + result.kept + result.failed, result.bytes);

  async function downloadPage(pageId: number): Promise<FailedPage | undefined> {
    const file = there.get(pageId);
    if (file !== undefined && (await isWhole(join(dir, file)))) {
      result.kept += 1;
      return undefined;
    }
    let page = { faults: 0, corruptRounds: 0, waits: 0 };
    for (;;) {
      // A list names pages by id alone, so sources that need the bar code have no address for them.
      const outcome = await fetchImage(client, { pageId, barCode: '', sequence: 0 }, { size, signal });
      if (outcome.kind === 'fetched') {
        const name = `${pageId}.${outcome.format}`;
        const { length } = outcome.bytes;
        const { durable } = await files.write(join(folder, name), outcome.bytes, { keepSame: false });
        outcome.release();
        // The lane goes on with the next page: the disk flushes many files at the price of one.
        const counted = durable
          .then(async () => {
            // A damaged file of another format would stand beside the good one.
            if (file !== undefined && file !== name) await rm(join(dir, file), { force: true });
            result.fetched += 1;
            result.bytes += length;
            showDone();
          })
          .catch((error: unknown) => {
            writeFailure ??= error;
          })
          .finally(() => undurable.delete(counted));
        undurable.add(counted);
        return undefined;
      }
      const move = movePage(page, outcome, retryLimits, Math.random());
      if (move.state !== 'retry_at') return { pageId, outcome: move.state, detail: move.detail };
      page = move;
      await sleep(move.retryInMs, undefined, { signal });
    }
  }

  let next = 0;
  const stop = new AbortController();
  const lane = async () => {
    while (next < pageIds.length && !stop.signal.aborted) {
      signal.throwIfAborted();
      if (writeFailure) throw writeFailure;
      const failure = await downloadPage(pageIds[next++]!);
      if (failure) {
        await failures.add(failure);
        result.failed += 1;
        result.failedByOutcome[failure.outcome] = (result.failedByOutcome[failure.outcome] ?? 0) + 1;
      }
      showDone();
    }
  };
  try {
    await Promise.all(
      Array.from({ length: Math.min(concurrency, pageIds.length) }, () =>
        lane().catch((error: unknown) => {
          // A full disk stops the other lanes too.
          stop.abort();
          throw error;
        }),
      ),
    );
  } finally {
    await Promise.all(undurable);
    await failures.close();
  }
  if (writeFailure) throw writeFailure;
  return result;
}

const markFile = '.florilegium-download.json';

/** One folder holds one size: a name does not tell which, and a second size would be taken for done. */
async function claimFolder(files: FileWriter, dir: string, size: ImageSize): Promise<void> {
  const path = join(dir, markFile);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known === undefined) {
    const mark = Buffer.from(`${JSON.stringify({ size })}\n`);
    const { durable } = await files.write(path, mark, { keepSame: false });
    await durable;
    return;
  }
  const { size: other } = JSON.parse(known) as { size: string };
  if (other !== size)
    throw failedPrecondition(`${dir} holds images of size ${other}; give size ${size} a folder of its own`);
}

async function findFiles(dir: string): Promise<Map<number, string>> {
  const name = new RegExp(`^(\\d{1,10})\\.(?:${imageFormats.join('|')})$`);
  const files = new Map<number, string>();
  for (const file of await readdir(dir)) {
    const pageId = name.exec(file)?.[1];
    if (pageId !== undefined) files.set(Number(pageId), file);
    else if (file.startsWith(temporaryStart) && (await isAbandoned(dir, file)))
      await rm(join(dir, file), { force: true });
  }
  return files;
}

async function isWhole(path: string): Promise<boolean> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes !== undefined && checkImage(bytes, defaultImageLimits).kind === 'ok';
}

const temporaryStart = '.writing-';
// A write takes seconds.
const abandonedMs = 3_600_000;

/** Whether a file that is not in its place was left by a download that was killed; others may be at work in the folder. */
async function isAbandoned(dir: string, file: string): Promise<boolean> {
  const [, pid, host] = /^\.writing-(\d+)@([^@]*)@/.exec(file) ?? [];
  if (pid !== undefined && host === hostname() && !isRunning(Number(pid))) return true;
  const about = await stat(join(dir, file)).catch(() => undefined);
  return about !== undefined && Date.now() - about.mtimeMs > abandonedMs;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
