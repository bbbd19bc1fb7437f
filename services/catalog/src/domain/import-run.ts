import type { BadLineReason } from '@florilegium/bhl';

/** pending → running → done | failed | cancelled; pending or running may be cancelled. */
export type RunState = 'pending' | 'running' | 'done' | 'failed' | 'cancelled';

export const isEnded = (state: RunState): boolean => state === 'done' || state === 'failed' || state === 'cancelled';

export interface BadLineReport {
  file: string;
  line: number;
  reason: BadLineReason;
}

export interface ImportRun {
  id: string;
  source: string;
  state: RunState;
  /** Bytes of the export's files as they are stored, read and in all; 0 while not known. */
  doneCount: number;
  totalCount: number;
  reason: string | null;
  rowCount: number;
  pageCount: number;
  keptPageCount: number;
  badLineCount: number;
  /** Pages that the merge added, changed, and no longer found in the export. */
  newPageCount: number;
  changedPageCount: number;
  vanishedPageCount: number;
  candidateCounts: Record<string, number>;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** What reading the export gave, besides what was staged. */
export interface ExportCounts {
  rowCount: number;
  pageCount: number;
  badLineCount: number;
  badLines: BadLineReport[];
  /** Rows by page type. */
  typeCounts: Record<string, number>;
}
