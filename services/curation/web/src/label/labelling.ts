// What the single and the grid mode of labelling share: giving labels, taking them back, and the counts of a session.
import { signal } from '@preact/signals';
import { announce } from '../design/announce.ts';
import { counted } from '../design/format.ts';
import { getRest, Problem } from '../rest/rest-client.ts';
import { blindQueues, type LabelSummary, labelTitles, type QueueCount } from '../rest/shapes.ts';
import { type Decided, type GivenHere, popDecided, pushDecided } from './decision-history.ts';
import {
  deliveries,
  dismissNotice,
  keepDecision,
  notices,
  pagesOf,
  refusedPages,
  requestOf,
  waitingDecisions,
} from './outbox.ts';

const countEveryMs = 10_000;
const paceWindowMs = 120_000;
const dayMs = 86_400_000;

export const queueCounts = signal<QueueCount[]>([]);
export const labelSummary = signal<LabelSummary | undefined>(undefined);
export const countProblem = signal<Problem | undefined>(undefined);
/** How many of each queue were decided here since they were counted. */
const decidedSince = signal<Record<string, number>>({});
export const sessionCount = signal(0);
/** Moments of the last decisions, the newest last. */
const decidedAt = signal<number[]>([]);
const momentsMax = 400;

/** Decisions a minute over the last two minutes; undefined before the second one. */
export function paceNow(): number | undefined {
  const now = Date.now();
  const recent = decidedAt.value.filter((at) => at > now - paceWindowMs);
  const first = recent[0];
  if (first === undefined || recent.length < 2) return undefined;
  return (recent.length - 1) / (Math.max(now - first, 5_000) / 60_000);
}

/** Pages of a queue that wait, as counted last, less what was decided here since. */
export function leftOf(name: string | undefined): number | undefined {
  const one = queueCounts.value.find((queue) => queue.name === name);
  return one && Math.max(0, one.count - (decidedSince.value[one.name] ?? 0));
}

export const hiddenPages = (): number[] => [
  ...waitingDecisions().flatMap(pagesOf),
  ...notices().flatMap(({ pageIds }) => pageIds),
];

/** @returns false when this browser has no room left to keep the labels */
export function giveLabels(given: Decided['given'], tookMs: number): boolean {
  const each = Math.min(dayMs, Math.round(tookMs / given.length));
  let id: string;
  try {
    id = keepDecision({
      kind: 'labels',
      labels: given.map(({ page, label }) => ({
        pageId: page.pageId,
        label,
        queue: page.queue,
        tookMs: each,
        ...(blindQueues.has(page.queue) || page.iteration === null ? {} : { iteration: page.iteration }),
      })),
    });
  } catch {
    return false;
  }
  pushDecided({ id, given });
  change(given, 1);
  sessionCount.value += given.length;
  decidedAt.value = [...decidedAt.value, ...given.map(() => Date.now())].slice(-momentsMax);
  const [first] = given;
  announce(
    given.length === 1 && first
      ? `${labelTitles[first.label]} given to page ${first.page.pageId}.`
      : `${counted(given.length, 'label')} given.`,
  );
  return true;
}

/** Takes back the last decision. @returns what it gave, to be asked again */
export function takeBack(): GivenHere[] {
  const last = popDecided();
  if (!last) return [];
  // A label that was refused never was: taking it back must not touch the one before it.
  const never = new Set([...refusedPages(last.id), ...(last.refused ?? [])]);
  const real = last.given
    .map(({ page: { pageId } }, place) => ({ pageId, request: requestOf(last.id, place) }))
    .filter(({ pageId }) => !never.has(pageId));
  if (real.length > 0) keepDecision({ kind: 'undo', labels: real, undoes: last.id });
  dismissNotice(last.id);
  change(last.given, -1);
  sessionCount.value = Math.max(0, sessionCount.value - last.given.length);
  decidedAt.value = decidedAt.value.slice(0, -last.given.length);
  announce(`${counted(last.given.length, 'label')} taken back.`);
  return last.given;
}

function change(given: Decided['given'], by: number): void {
  const since = { ...decidedSince.value };
  for (const { page } of given) since[page.queue] = (since[page.queue] ?? 0) + by;
  decidedSince.value = since;
}

let timer: ReturnType<typeof setTimeout> | undefined;
let followers = 0;

export async function countQueues(): Promise<void> {
  clearTimeout(timer);
  try {
    // What still waits here when the server counts is not in its count; what is decided meanwhile is added to it.
    const before = pendingByQueue();
    decidedSince.value = {};
    const [answer, summary] = await Promise.all([
      getRest<{ queues: QueueCount[] }>('/v1/review-queues'),
      getRest<LabelSummary>('/v1/labels/summary'),
    ]);
    const since = { ...decidedSince.value };
    for (const [name, pending] of Object.entries(before)) since[name] = (since[name] ?? 0) + pending;
    decidedSince.value = since;
    queueCounts.value = answer.queues;
    labelSummary.value = summary;
    countProblem.value = undefined;
  } catch (error) {
    countProblem.value = error instanceof Problem ? error : new Problem(0, String(error));
  }
  countSoon(queueCounts.value.length === 0 ? 2_000 : countEveryMs);
}

function pendingByQueue(): Record<string, number> {
  const pending: Record<string, number> = {};
  const waiting = waitingDecisions();
  const undone = new Set(waiting.flatMap((operation) => (operation.kind === 'undo' ? [operation.undoes] : [])));
  for (const operation of waiting)
    if (operation.kind === 'labels' && !undone.has(operation.id))
      for (const { queue } of operation.labels) pending[queue] = (pending[queue] ?? 0) + 1;
  return pending;
}

function countSoon(ms: number): void {
  clearTimeout(timer);
  if (followers > 0) timer = setTimeout(() => void countQueues(), ms);
}

// After the last of a batch is saved, not after each.
deliveries.subscribe((count) => {
  if (count > 0) countSoon(1_500);
});

/** Keeps the counts fresh while somebody looks at them. */
export function followCounts(): () => void {
  followers++;
  void countQueues();
  return () => {
    followers--;
    if (followers === 0) clearTimeout(timer);
  };
}
