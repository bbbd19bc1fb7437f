import type { BadLineReason } from '@florilegium/bhl';

/** pending → running → done | failed | cancelled; pending or running may be cancelled. */
export type RunState = 'pending' | 'running' | 'done' | 'failed' | 'cancelled';

export const isEnded = (state: RunState): boolean => state === 'done' || state === 'failed' || state === 'cancelled';

export interface BadLineReport {
  file: string;
  line: number;
  reason: BadLineReason;
}

/** Files of an export that an import reads: `<kind>.txt`. */
export const exportKinds = ['page', 'item', 'title', 'creator', 'part', 'partpage', 'pagename'] as const;
export type ExportKind = (typeof exportKinds)[number];

/** What a running import is at: items and titles, pages, articles and names of what is kept, the merge. */
export type ImportPhase = 'titles' | 'pages' | 'stories' | 'merging';

export interface ImportRun {
  id: string;
  source: string;
  /** Whether the scientific names of kept pages are read too. */
  withNames: boolean;
  state: RunState;
  /** Bytes of the export's files as they are stored, read and in all; 0 while not known. */
  doneCount: number;
  totalCount: number;
  reason: string | null;
  /** '' before the first file is opened. */
  phase: ImportPhase | '';
  /** Of the stored files, and of rows of the page file; means over the time that was spent so far, 0 while not known. */
  bytesPerSecond: number;
  rowsPerSecond: number;
  rowCount: number;
  pageCount: number;
  keptPageCount: number;
  badLineCount: number;
  /** Of the pages kept for their rows: what was not kept so before, what reads otherwise, and what is no longer kept so. */
  newPageCount: number;
  changedPageCount: number;
  vanishedPageCount: number;
  candidateCounts: Record<string, number>;
  /** Rows by page type: of all pages, and of those that no rule keeps. Known when the import is done. */
  typeCounts: Record<string, number>;
  outsideTypeCounts: Record<string, number>;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** What reading the export gave, besides what was staged. */
export interface ExportCounts {
  rowCount: number;
  pageCount: number;
  keptPageCount: number;
  candidateCounts: Record<string, number>;
  badLineCount: number;
  badLines: BadLineReport[];
  typeCounts: Record<string, number>;
  outsideTypeCounts: Record<string, number>;
}

/** Tables that an import stages. */
export type StagedKind = 'page' | 'candidate' | 'item' | 'title' | 'creator' | 'part' | 'partPage' | 'name';

/** How many rows each staged table has. */
export type StagedRows = Partial<Record<StagedKind, number>>;

/** What an attempt has staged once the page file is read, so that another goes on from there if it is killed. */
export interface StagedExport {
  attempt: number;
  /** Names the files as they were and the rules that judged them: others begin anew. */
  fingerprint: string;
  counts: ExportCounts;
  rows: StagedRows;
}

/** Seconds until the files are read at the rate so far; null while not known. The merge that follows is not in it. */
export function secondsLeftOf({ state, doneCount, totalCount, bytesPerSecond }: ImportRun): number | null {
  if (isEnded(state)) return 0;
  if (totalCount === 0 || bytesPerSecond === 0) return null;
  return Math.round(Math.max(0, totalCount - doneCount) / bytesPerSecond);
}
