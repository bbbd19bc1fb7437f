import type { ImageSize } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import type { FailedState } from './page-state.ts';

/**
 * States of a fetch run and the moves between them:
 *
 *     pending --listing begins--> running --no page is open--> done --retry--> running
 *        |                          |  \--a batch gives up--> failed --retry--> running
 *        \--pause--> paused <-------/   (pending, running and paused) --cancel--> cancelled
 *                       \--resume--> pending or running, whichever it was
 */
export const runStates = ['pending', 'running', 'paused', 'done', 'failed', 'cancelled'] as const;
export type RunState = (typeof runStates)[number];
export const hasEnded = (state: RunState) => state === 'done' || state === 'failed' || state === 'cancelled';

/** What a run goes over: a page set, all candidates of a rule, a few ids, or many ids that were streamed and are kept in a table until they are listed. */
export type PageSelection =
  | { kind: 'page-set'; pageSetId: string }
  | { kind: 'rule'; rule: string }
  | { kind: 'page-ids'; pageIds: number[] }
  | { kind: 'id-list'; sha256: string; count: number };

export interface FetchRunRequest {
  selection: PageSelection;
  size: ImageSize;
  /** Into the ascending list of PageIDs. */
  startIndex: number;
  /** 0 for all. */
  maxCount: number;
  /** Pages of the run under way at once, over all replicas; 0 for as many as there is room for. */
  concurrency: number;
}

export interface FetchRun extends FetchRunRequest {
  id: string;
  state: RunState;
  reason: string;
  /** 0 while the pages are still being listed. */
  totalCount: number;
  storedCount: number;
  failedCount: number;
  /** Of the pages that are not stored, those that have failed or must come back, by state. */
  countOf: Record<FailedState | 'retry_at', number>;
  /** Of the stored ones, those that this run fetched; the others were there already. */
  fetchedCount: number;
  /** Of the images that this run fetched. */
  bytes: number;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  pausedAt: Date | null;
  /** Time spent paused, without the pause that is under way. */
  pausedMs: number;
  /** Somebody who looked at an image asked for it; not in lists of runs. */
  onDemand: boolean;
}

/** Given with the request; more are streamed. */
export const pageIdsMax = 500;
export const streamedIdsMax = 5_000_000;

/** Checks a request; ids are made unique, sorted and cut to the part asked for, so that the rest of the run sees a plain list. */
export function checkRunRequest(request: FetchRunRequest): FetchRunRequest {
  const { selection, startIndex, maxCount, concurrency } = request;
  for (const [field, value] of Object.entries({ startIndex, maxCount, concurrency })) {
    if (!Number.isSafeInteger(value) || value < 0) throw invalidArgument('not a whole number from 0', { field });
  }
  if (selection.kind === 'page-set' && selection.pageSetId === '')
    throw invalidArgument('is empty', { field: 'pageSetId' });
  if (selection.kind === 'rule' && !/^[a-z0-9][a-z0-9_-]{0,99}$/.test(selection.rule))
    throw invalidArgument(`${JSON.stringify(selection.rule)} is no name of a rule`, { field: 'rule' });
  if (selection.kind !== 'page-ids') return request;
  checkPageIds(selection.pageIds);
  const sorted = [...new Set(selection.pageIds)].sort((a, b) => a - b);
  const pageIds = sorted.slice(startIndex, maxCount === 0 ? undefined : startIndex + maxCount);
  return { ...request, selection: { kind: 'page-ids', pageIds }, startIndex: 0, maxCount: 0 };
}

export function checkPageIds(pageIds: readonly number[]): void {
  if (pageIds.length === 0 || pageIds.length > pageIdsMax)
    throw invalidArgument(`${pageIds.length} ids; 1 to ${pageIdsMax} are taken at once`, { field: 'pageIds' });
  const bad = pageIds.findIndex((id) => !isPageId(id));
  if (bad >= 0) throw invalidArgument(`${pageIds[bad]} is no PageID`, { field: `pageIds[${bad}]` });
}

export const isPageId = (id: number) => Number.isInteger(id) && id >= 1 && id <= 2_147_483_647;

export function isSameRequest(a: FetchRunRequest, b: FetchRunRequest): boolean {
  const parts = (request: FetchRunRequest) =>
    JSON.stringify([request.selection, request.size, request.startIndex, request.maxCount, request.concurrency]);
  return parts(a) === parts(b);
}

/** Images and bytes that the run fetched a second, over the time that it was not paused, and how long the rest takes at that pace. */
export function paceOf(
  run: Pick<
    FetchRun,
    | 'state'
    | 'totalCount'
    | 'storedCount'
    | 'failedCount'
    | 'fetchedCount'
    | 'bytes'
    | 'startedAt'
    | 'endedAt'
    | 'pausedAt'
    | 'pausedMs'
  >,
  now: Date,
): { imagesPerSecond: number; bytesPerSecond: number; secondsLeft: number | null } {
  if (!run.startedAt) return { imagesPerSecond: 0, bytesPerSecond: 0, secondsLeft: null };
  const until = run.endedAt ?? run.pausedAt ?? now;
  const seconds = Math.max((until.getTime() - run.startedAt.getTime() - run.pausedMs) / 1000, 0.001);
  const doneCount = run.storedCount + run.failedCount;
  const secondsLeft =
    run.state === 'running' && run.totalCount > 0 && doneCount > 0
      ? Math.round(((run.totalCount - doneCount) * seconds) / doneCount)
      : null;
  const imagesPerSecond = Math.round((run.fetchedCount / seconds) * 10) / 10;
  return { imagesPerSecond, bytesPerSecond: Math.round(run.bytes / seconds), secondsLeft };
}
