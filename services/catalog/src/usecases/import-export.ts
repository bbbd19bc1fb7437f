import {
  type CompiledRule,
  DrawOf,
  type ReadProgress,
  readItemFile,
  readPageFile,
  readTitleFile,
  seededDraw,
} from '@florilegium/bhl';
import { addToOutbox } from '@florilegium/db';
import { invalidArgument, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { eventMessage } from '@florilegium/messaging';
import type { Claim, ClaimedBatch } from '@florilegium/work';
import type { ExportFile, ExportFilesClient } from '../clients/export-files.client.ts';
import { type GatheredPage, OutOfOrder, PageGatherer } from '../domain/gather-pages.ts';
import type { BadLineReport, ExportCounts } from '../domain/import-run.ts';
import { importSeconds, pageRowsRead } from '../metrics.ts';
import type { CatalogSchema } from '../schema.ts';
import type { Store, TxRepos } from '../store.ts';

export interface ImportDeps {
  store: Store;
  exportFiles: ExportFilesClient;
  log: Log;
  rules: readonly CompiledRule[];
  /** Of the rules the one whose rows are kept: no other may select a page without such a row. */
  keepingRule: CompiledRule;
  badLineShareMax: number;
  reservoir: { pages: number; seed: number };
}

const badLinesMax = 1000;
const progressIntervalMs = 500;

/**
 * Reads an export into staging tables and merges it in the transaction that ends the run: until then, and after any
 * failure, the catalog is as it was. A second attempt begins from the first byte.
 */
export async function importExport(deps: ImportDeps, batch: ClaimedBatch<CatalogSchema>): Promise<void> {
  const { store, exportFiles, log } = deps;
  const { runId, attempt, signal } = batch;
  const run = await store.imports.beginImport(runId);
  if (!run) return;
  const stopTimer = importSeconds.startTimer();
  const staging = store.staging(runId, attempt);
  await staging.dropLeftovers();

  const find = (kind: 'page' | 'item' | 'title') => exportFiles.find(run.source, kind, signal);
  const files = { page: await find('page'), item: await find('item'), title: await find('title') };
  const { page, item, title } = files;
  if (!page) throw invalidArgument(`${run.source} holds no page.txt.gz, page.txt, data/page.txt.gz or data/page.txt`);
  if (!item) throw invalidArgument(`${run.source} holds no item.txt.gz, item.txt, data/item.txt.gz or data/item.txt`);

  const progress = trackProgress(store, runId, [page, item, title], log);
  const reading: Reading = { deps, signal, progress, badLines: [], badLineCount: 0 };
  try {
    await staging.stageItems(
      batches(reading, item, (take, onBadLine) =>
        readItemFile(readCounted(reading, item), {
          file: item.name,
          onBadLine,
          onItem: (row, line) => take({ ...row, line }),
        }),
      ),
    );
    await staging.stageTitles(
      title
        ? batches(reading, title, (take, onBadLine) =>
            readTitleFile(readCounted(reading, title), {
              file: title.name,
              onBadLine,
              onTitle: (row, line) => take({ ...row, line }),
            }),
          )
        : nothing(),
    );
    const ruleIds = await store.inTransaction(({ rules }) => rules.recordRules(deps.rules));
    const gathered = await stagePages(reading, page, staging, ruleIds);
    const counts: ExportCounts = {
      rowCount: progress.rowCount,
      pageCount: gathered.pageCount,
      badLineCount: reading.badLineCount,
      badLines: reading.badLines,
      typeCounts: gathered.typeCounts(),
    };
    signal.throwIfAborted();
    const merged = await batch.complete(async (tx) => {
      const repos = store.on(tx);
      const mergeCounts = await repos.mergeStaging({
        importId: runId,
        attempt,
        reservoirIds: gathered.reservoirIds,
        rules: ruleIds,
      });
      await repos.imports.finishImport(runId, { ...counts, ...mergeCounts });
      const { keptPageCount } = mergeCounts;
      await addToOutbox(tx.kysely, [
        eventMessage('catalog.import.completed', { importId: runId, pageCount: counts.pageCount, keptPageCount }),
      ]);
      return mergeCounts;
    });
    log.info(
      { importId: runId, rowCount: counts.rowCount, badLineCount: counts.badLineCount, ...merged },
      'export imported',
    );
    stopTimer({ outcome: 'done' });
  } catch (error) {
    stopTimer({ outcome: signal.aborted ? 'stopped' : 'failed' });
    // What was staged is of no more use; when PostgreSQL itself is away the next attempt drops it.
    await staging
      .dropLeftovers()
      .catch((dropError: unknown) => log.warn({ reason: messageOf(dropError) }, 'staging not dropped'));
    throw error;
  } finally {
    await progress.stop();
  }
}

/** The last try failed: the run says why, and so does the event. */
export async function failImport({ imports, tx }: TxRepos, { runId }: Claim, reason: string): Promise<void> {
  if (!(await imports.endImport(runId, { state: 'failed', reason }))) return;
  await addToOutbox(tx.kysely, [eventMessage('catalog.import.failed', { importId: runId, reason })]);
}

interface Reading {
  deps: ImportDeps;
  signal: AbortSignal;
  progress: Progress;
  badLines: BadLineReport[];
  badLineCount: number;
}

type OnBadLine = (bad: { line: number; reason: BadLineReport['reason'] }) => void;

async function stagePages(
  reading: Reading,
  file: ExportFile,
  staging: ReturnType<Store['staging']>,
  ruleIds: ReadonlyMap<string, number>,
) {
  const { deps, progress } = reading;
  const begin = () => {
    const { pages, seed } = deps.reservoir;
    const reservoir = new DrawOf(seededDraw(seed, 'reservoir'), pages);
    return { reservoir, gatherer: new PageGatherer(deps.rules, deps.keepingRule, reservoir) };
  };
  const finished = ({ reservoir, gatherer }: ReturnType<typeof begin>) => ({
    pageCount: gatherer.pageCount,
    typeCounts: () => gatherer.typeCounts(),
    reservoirIds: reservoir.result(),
  });
  const before = { badLines: [...reading.badLines], badLineCount: reading.badLineCount, doneBytes: progress.doneBytes };
  const first = begin();
  try {
    await staging.stagePages(gatherBatches(reading, file, first.gatherer, { countsRows: true }), ruleIds);
    return finished(first);
  } catch (error) {
    if (!(error instanceof OutOfOrder)) throw error;
  }
  deps.log.warn({ file: file.name }, 'the rows of a page or item do not stand together: sorting the file first');
  Object.assign(reading, { badLines: before.badLines, badLineCount: before.badLineCount });
  progress.doneBytes = before.doneBytes;
  await staging.stageUnsortedRows(
    batches(
      reading,
      file,
      (take, onBadLine) =>
        readPageFile(readCounted(reading, file), {
          file: file.name,
          kindOf: () => undefined,
          onBadLine,
          onRow: (row) => take({ ...row.fields(), line: row.line }),
        }),
      { countsRows: true },
    ),
  );
  const second = begin();
  const sorted = { ...file, read: () => staging.readSortedRows() };
  await staging.stagePages(gatherBatches(reading, sorted, second.gatherer, { countsRows: false }), ruleIds);
  return finished(second);
}

function gatherBatches(
  reading: Reading,
  file: ExportFile,
  gatherer: PageGatherer,
  { countsRows }: { countsRows: boolean },
): AsyncGenerator<GatheredPage[]> {
  return batches<GatheredPage>(
    reading,
    file,
    (take, onBadLine) =>
      readPageFile(readCounted(reading, file), {
        file: file.name,
        kindOf: (prefix, typeName) => gatherer.kindOf(prefix, typeName),
        onBadLine,
        onRow: (row) => {
          for (const page of gatherer.add(row)) take(page);
        },
      }),
    { last: () => gatherer.finish(), countsRows },
  );
}

/** What one file gives, in batches as large as a block of it gave; bad lines are noted and judged at its end. */
async function* batches<Thing>(
  reading: Reading,
  file: ExportFile,
  open: (take: (thing: Thing) => void, onBadLine: OnBadLine) => AsyncGenerator<ReadProgress>,
  { last, countsRows = false }: { last?: () => Thing[]; countsRows?: boolean } = {},
): AsyncGenerator<Thing[]> {
  let taken: Thing[] = [];
  let read: ReadProgress = { bytes: 0, lines: 0, rows: 0, badLines: 0 };
  let rowsCounted = 0;
  let firstBad: BadLineReport | undefined;
  const onBadLine: OnBadLine = ({ line, reason }) => {
    reading.badLineCount++;
    firstBad ??= { file: file.name, line, reason };
    if (reading.badLines.length < badLinesMax) reading.badLines.push({ file: file.name, line, reason });
  };
  const lines = open((thing) => taken.push(thing), onBadLine);
  for await (read of lines) {
    reading.signal.throwIfAborted();
    if (countsRows) {
      pageRowsRead.inc(read.rows - rowsCounted);
      rowsCounted = read.rows;
      reading.progress.rowCount = read.rows;
    }
    if (taken.length === 0) continue;
    yield taken;
    taken = [];
  }
  checkBadLines(reading.deps.badLineShareMax, file.name, read, firstBad);
  const rest = last?.() ?? [];
  if (rest.length > 0) yield rest;
}

function checkBadLines(shareMax: number, file: string, read: ReadProgress, first: BadLineReport | undefined): void {
  if (!first || read.badLines <= shareMax * (read.lines - 1)) return;
  const share = `more than ${Math.round(shareMax * 10_000) / 100} %`;
  throw invalidArgument(
    `${file}: ${read.badLines} of ${read.lines - 1} lines are bad (${share}), the first in line ${first.line}: ${first.reason.replaceAll('_', ' ')}`,
    { details: { file, line: first.line } },
  );
}

function readCounted({ progress, signal }: Reading, file: ExportFile): AsyncIterable<Uint8Array> {
  return file.read(signal, (bytes) => {
    progress.doneBytes += bytes;
  });
}

async function* nothing(): AsyncGenerator<never[]> {}

interface Progress {
  doneBytes: number;
  rowCount: number;
  stop(): Promise<void>;
}

function trackProgress(store: Store, importId: string, files: readonly (ExportFile | undefined)[], log: Log): Progress {
  const sizes = files.flatMap((file) => (file ? [file.bytesTotal] : []));
  // A total that leaves a file out would be passed: better none.
  const totalBytes = sizes.reduce<number>((sum, size) => sum + (size ?? Number.NaN), 0) || 0;
  let writing: Promise<void> | undefined;
  const write = () => {
    const { doneBytes, rowCount } = progress;
    writing ??= store.imports
      .updateProgress(importId, { doneBytes, totalBytes, rowCount })
      .catch((error: unknown) => log.warn({ importId, reason: messageOf(error) }, 'progress not written'))
      .finally(() => {
        writing = undefined;
      });
  };
  const timer = setInterval(write, progressIntervalMs);
  const progress: Progress = {
    doneBytes: 0,
    rowCount: 0,
    stop: async () => {
      clearInterval(timer);
      await writing;
    },
  };
  write();
  return progress;
}
