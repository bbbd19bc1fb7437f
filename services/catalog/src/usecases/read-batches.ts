import type { ReadProgress } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import type { ExportFile } from '../clients/export-files.client.ts';
import type { BadLineReport } from '../domain/import-run.ts';
import { pageRowsRead } from '../metrics.ts';

const badLinesMax = 1000;

/** What is known while the files of an export are read, one after the other. */
export interface Reading {
  badLineShareMax: number;
  signal: AbortSignal;
  progress: { doneBytes: number; rowCount: number };
  badLines: BadLineReport[];
  badLineCount: number;
}

export type OnBadLine = (bad: { line: number; reason: BadLineReport['reason'] }) => void;

/** Reads one file and stops after each of its blocks; bad lines are noted and judged at its end. */
export async function* blocks(
  reading: Reading,
  file: ExportFile,
  open: (onBadLine: OnBadLine) => AsyncGenerator<ReadProgress>,
  { countsRows = false }: { countsRows?: boolean } = {},
): AsyncGenerator<void> {
  let read: ReadProgress = { bytes: 0, lines: 0, rows: 0, badLines: 0 };
  let rowsCounted = 0;
  let firstBad: BadLineReport | undefined;
  const onBadLine: OnBadLine = ({ line, reason }) => {
    reading.badLineCount++;
    firstBad ??= { file: file.name, line, reason };
    if (reading.badLines.length < badLinesMax) reading.badLines.push({ file: file.name, line, reason });
  };
  for await (read of open(onBadLine)) {
    reading.signal.throwIfAborted();
    if (countsRows) {
      pageRowsRead.inc(read.rows - rowsCounted);
      rowsCounted = read.rows;
      reading.progress.rowCount = read.rows;
    }
    yield;
  }
  checkBadLines(reading.badLineShareMax, file.name, read, firstBad);
}

/** What one file gives, in batches as large as a block of it gave. */
export async function* batches<Thing>(
  reading: Reading,
  file: ExportFile,
  open: (take: (thing: Thing) => void, onBadLine: OnBadLine) => AsyncGenerator<ReadProgress>,
  options: { countsRows?: boolean } = {},
): AsyncGenerator<Thing[]> {
  let taken: Thing[] = [];
  const take = (thing: Thing) => void taken.push(thing);
  for await (const _ of blocks(reading, file, (onBadLine) => open(take, onBadLine), options)) {
    if (taken.length === 0) continue;
    yield taken;
    taken = [];
  }
}

/** The file's bytes; what is read of it, as it is stored, counts as progress. */
export function readCounted({ progress, signal }: Reading, file: ExportFile): AsyncIterable<Uint8Array> {
  return file.read(signal, (bytes) => {
    progress.doneBytes += bytes;
  });
}

function checkBadLines(shareMax: number, file: string, read: ReadProgress, first: BadLineReport | undefined): void {
  if (!first || read.badLines <= shareMax * (read.lines - 1)) return;
  const share = `more than ${Math.round(shareMax * 10_000) / 100} %`;
  throw invalidArgument(
    `${file}: ${read.badLines} of ${read.lines - 1} lines are bad (${share}), the first in line ${first.line}: ${first.reason.replaceAll('_', ' ')}`,
    { details: { file, line: first.line } },
  );
}
