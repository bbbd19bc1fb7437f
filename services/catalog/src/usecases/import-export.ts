import { type CompiledRule, DrawOf, PageIdSet, readPageFile, seededDraw } from '@florilegium/bhl';
import { addToOutbox } from '@florilegium/db';
import { AppError, invalidArgument, messageFateOf, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { eventMessage } from '@florilegium/messaging';
import type { Claim, ClaimedBatch } from '@florilegium/work';
import type { ExportFile, ExportFilesClient } from '../clients/export-files.client.ts';
import { type GatheredPage, OutOfOrder, PageGatherer } from '../domain/gather-pages.ts';
import { type ExportCounts, type ExportKind, exportKinds, type ImportPhase } from '../domain/import-run.ts';
import { rowTestOf } from '../domain/kept-rows.ts';
import { importSeconds } from '../metrics.ts';
import type { StagingRepo } from '../repos/staging.repo.ts';
import type { CatalogSchema } from '../schema.ts';
import type { Store, TxRepos } from '../store.ts';
import { batches, blocks, type OnBadLine, type Reading, readCounted } from './read-batches.ts';
import { type ExportFiles, stageNames, stageParts, stageTitles } from './stage-stories.ts';

export interface ImportDeps {
  store: Store;
  exportFiles: ExportFilesClient;
  log: Log;
  /** A page with a row that one of them matches is kept. */
  rules: readonly CompiledRule[];
  badLineShareMax: number;
  reservoir: { pages: number; seed: number };
}

const progressIntervalMs = 500;

/**
 * Reads an export into staging tables and merges it in the transaction that ends the run: until then, and after any
 * failure, the catalog is as it was. An attempt that was killed or stopped, or that a network broke off, after the page file was
 * read is gone on with from there, if the files are still the same; any other begins anew.
 */
export async function importExport(deps: ImportDeps, batch: ClaimedBatch<CatalogSchema>): Promise<void> {
  const { store, exportFiles, log } = deps;
  const { runId, attempt, signal } = batch;
  const run = await store.imports.beginImport(runId);
  if (!run) return;
  const stopTimer = importSeconds.startTimer();
  const staging = store.staging(runId, attempt);

  const wanted = exportKinds.filter((kind) => kind !== 'pagename' || run.withNames);
  const files: ExportFiles = await exportFiles.findAll(run.source, wanted, signal);
  const { page } = files;
  const needed = ['page', 'item', ...(run.withNames ? ['pagename' as const] : [])] as const;
  for (const kind of needed) if (!files[kind]) throw missingFile(run.source, kind);

  const progress = trackProgress(store, runId, Object.values(files), log);
  const { badLineShareMax } = deps;
  const reading: Reading = { badLineShareMax, signal, progress, badLines: [], badLineCount: 0 };
  try {
    const fingerprint = fingerprintOf(files, deps.rules, deps.reservoir);
    const resumed = await resume({ store, staging, runId, fingerprint });
    await staging.dropLeftovers();
    const idOfRule = await store.inTransaction(({ rules }) => rules.recordRules(deps.rules));
    const ruleIds = deps.rules.map(({ rule }) => idOfRule.get(rule.name)!);
    let counts: ExportCounts;
    let keptPages: PageIdSet;
    if (resumed) {
      ({ counts, keptPages } = resumed);
      log.info({ importId: runId, attempt }, 'import goes on after the page file');
      Object.assign(reading, { badLines: counts.badLines, badLineCount: counts.badLineCount });
      for (const kind of ['page', 'item', 'title', 'creator'] as const) {
        progress.skippedBytes += files[kind]?.bytesTotal ?? 0;
      }
      progress.doneBytes = progress.skippedBytes;
      progress.rowCount = counts.rowCount;
    } else {
      await stageTitles(reading, files, staging);
      progress.phase = 'pages';
      const gathered = await stagePages(deps, reading, page!, staging, ruleIds);
      keptPages = gathered.keptPages;
      counts = countsOf(reading, gathered);
      if (fingerprint !== undefined)
        await store.imports.saveStaged(runId, { attempt, fingerprint, counts, rows: staging.stagedRows });
    }
    progress.phase = 'stories';
    await stageParts(reading, files, staging, keptPages);
    await stageNames(reading, files, staging, keptPages);
    progress.phase = 'merging';
    counts = { ...counts, badLineCount: reading.badLineCount, badLines: reading.badLines };
    signal.throwIfAborted();
    const merged = await batch.complete(async (tx) => {
      const repos = store.on(tx);
      const mergeCounts = await repos.mergeStaging({
        importId: runId,
        attempt,
        ruleIds,
        stagedRows: staging.stagedRows,
        has: {
          creators: files.creator !== undefined,
          parts: files.part !== undefined && files.partpage !== undefined,
          names: files.pagename !== undefined,
        },
      });
      const keptBy = deps.rules.map(({ rule }) => rowTestOf(rule));
      await repos.rules.markJudged(ruleIds);
      await repos.imports.finishImport(runId, { ...counts, ...mergeCounts, keptBy });
      const { pageCount, keptPageCount } = counts;
      await addToOutbox(tx.kysely, [
        eventMessage('catalog.import.completed', { importId: runId, pageCount, keptPageCount }),
      ]);
      return mergeCounts;
    });
    log.info(
      {
        importId: runId,
        ...counts,
        badLines: undefined,
        typeCounts: undefined,
        outsideTypeCounts: undefined,
        ...merged,
      },
      'export imported',
    );
    stopTimer({ outcome: 'done' });
  } catch (error) {
    stopTimer({ outcome: signal.aborted ? 'stopped' : 'failed' });
    // When PostgreSQL itself is away the next attempt drops what is of no more use.
    await dropUseless({ store, staging, runId, willBeTried: signal.aborted || mayPass(error) })
      .then(() => (signal.aborted ? undefined : store.imports.saveBadLines(runId, reading)))
      .catch((dropError: unknown) => log.warn({ reason: messageOf(dropError) }, 'staging not dropped'));
    throw error;
  } finally {
    await progress.stop();
  }
}

const mayPass = (error: unknown) => !(error instanceof AppError) || messageFateOf(error.code) === 'retry';

/** Drops what a broken-off attempt has staged, unless another attempt will go on from what it recorded. */
async function dropUseless({
  store,
  staging,
  runId,
  willBeTried,
}: {
  store: Store;
  staging: StagingRepo;
  runId: string;
  willBeTried: boolean;
}): Promise<void> {
  if (willBeTried) {
    const run = await store.imports.findImport(runId);
    const staged = await store.imports.findStaged(runId);
    if (run?.state === 'running' && staged?.attempt === staging.attempt) return;
  }
  await store.imports.forgetStaged(runId, staging.attempt);
  await staging.dropOwn();
}

/** What an attempt that ended early has staged for good, now this attempt's; undefined when there is nothing or it is of no use. */
async function resume({
  store,
  staging,
  runId,
  fingerprint,
}: {
  store: Store;
  staging: StagingRepo;
  runId: string;
  fingerprint: string | undefined;
}): Promise<{ counts: ExportCounts; keptPages: PageIdSet } | undefined> {
  const staged = await store.imports.findStaged(runId);
  if (staged?.rows === undefined || staged.fingerprint !== fingerprint) return undefined;
  if (!(await staging.takeOver(staged.attempt, staged.rows))) return undefined;
  // The tables have another attempt's name now.
  await store.imports.saveStaged(runId, { ...staged, attempt: staging.attempt });
  const keptPages = new PageIdSet();
  for await (const ids of staging.readPageIds()) for (const id of ids) keptPages.add(id);
  return { counts: staged.counts, keptPages };
}

/** Grows whenever `ExportCounts` changes: what was staged with other counts begins anew. */
const countsForm = 2;

/** The same while files, rules and reservoir are; undefined where a file's version cannot be told. */
function fingerprintOf(
  files: ExportFiles,
  rules: readonly CompiledRule[],
  reservoir: ImportDeps['reservoir'],
): string | undefined {
  const versions = (['page', 'item', 'title', 'creator'] as const).map((kind) => {
    const file = files[kind];
    return file ? [kind, file.name, file.version] : [kind];
  });
  if (versions.some((version) => version.length === 3 && version[2] === undefined)) return undefined;
  return JSON.stringify([countsForm, versions, rules.map(({ hash }) => hash), reservoir]);
}

function countsOf(
  reading: Reading,
  gathered: Omit<ExportCounts, 'rowCount' | 'badLineCount' | 'badLines'>,
): ExportCounts {
  const { pageCount, keptPageCount, candidateCounts, typeCounts, outsideTypeCounts } = gathered;
  const { badLineCount, badLines, progress } = reading;
  return {
    rowCount: progress.rowCount,
    pageCount,
    keptPageCount,
    candidateCounts,
    typeCounts,
    outsideTypeCounts,
    badLineCount,
    badLines,
  };
}

/** The last try failed: the run says why, and so does the event. */
export async function failImport({ imports, tx }: TxRepos, { runId }: Claim, reason: string): Promise<void> {
  if (!(await imports.endImport(runId, { state: 'failed', reason }))) return;
  await addToOutbox(tx.kysely, [eventMessage('catalog.import.failed', { importId: runId, reason })]);
}

function missingFile(source: string, kind: ExportKind) {
  if (source.endsWith('.zip')) return invalidArgument(`${source} holds no ${kind}.txt`);
  return invalidArgument(
    `${source} holds no ${kind}.txt.gz, ${kind}.txt, data/${kind}.txt.gz or data/${kind}.txt, and no data.zip with a ${kind}.txt`,
  );
}

async function stagePages(
  deps: ImportDeps,
  reading: Reading,
  file: ExportFile,
  staging: ReturnType<Store['staging']>,
  ruleIds: readonly number[],
) {
  const { progress } = reading;
  const before = { badLines: [...reading.badLines], badLineCount: reading.badLineCount, doneBytes: progress.doneBytes };
  const stage = async (from: ExportFile, countsRows: boolean) => {
    const { pages, seed } = deps.reservoir;
    const keptPages = new PageIdSet();
    const gatherer = new PageGatherer(deps.rules, new DrawOf(seededDraw(seed, 'reservoir'), pages));
    await staging.stagePages(ruleIds, async function* (take) {
      const onPage = (kept: GatheredPage) => {
        keptPages.add(kept.pageId);
        take(kept);
      };
      const read = (onBadLine: OnBadLine) =>
        readPageFile(readCounted(reading, from), {
          file: from.name,
          kindOf: (prefix, typeName) => gatherer.kindOf(prefix, typeName),
          onBadLine,
          onRow: (row) => gatherer.add(row, onPage),
        });
      yield* blocks(reading, from, read, { countsRows });
      gatherer.finish(onPage);
    });
    const { pageCount, keptPageCount, candidateCounts } = gatherer;
    return { keptPages, pageCount, keptPageCount, candidateCounts, ...gatherer.typeCounts() };
  };
  try {
    return await stage(file, true);
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
  return await stage({ ...file, read: () => staging.readSortedRows() }, false);
}

interface Progress {
  phase: ImportPhase;
  doneBytes: number;
  /** Of these: read by an attempt before this one, whose time does not count. */
  skippedBytes: number;
  rowCount: number;
  stop(): Promise<void>;
}

function trackProgress(store: Store, importId: string, files: readonly ExportFile[], log: Log): Progress {
  // A total that leaves a file out would be passed: better none.
  const totalBytes = files.reduce((sum, { bytesTotal }) => sum + (bytesTotal ?? Number.NaN), 0) || 0;
  const startedAt = performance.now();
  let pagesStartedAt: number | undefined;
  let writing: Promise<void> | undefined;
  const write = () => {
    const { phase, doneBytes, skippedBytes, rowCount } = progress;
    const now = performance.now();
    if (phase === 'pages') pagesStartedAt ??= now;
    const per = (count: number, since: number | undefined) =>
      since === undefined || now - since < progressIntervalMs ? 0 : (count * 1000) / (now - since);
    writing ??= store.imports
      .updateProgress(importId, {
        phase,
        doneBytes,
        totalBytes,
        rowCount,
        bytesPerSecond: per(doneBytes - skippedBytes, startedAt),
        rowsPerSecond: phase === 'pages' ? per(rowCount, pagesStartedAt) : undefined,
      })
      .catch((error: unknown) => log.warn({ importId, reason: messageOf(error) }, 'progress not written'))
      .finally(() => {
        writing = undefined;
      });
  };
  const timer = setInterval(write, progressIntervalMs);
  const progress: Progress = {
    phase: 'titles',
    doneBytes: 0,
    skippedBytes: 0,
    rowCount: 0,
    stop: async () => {
      clearInterval(timer);
      await writing;
    },
  };
  write();
  return progress;
}
