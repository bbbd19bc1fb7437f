// Decisions on their way to the server. Each is an entry of its own in localStorage from the moment of the key press until the
// server has answered, so neither a refresh nor a closed window nor a second tab loses one; they leave in order, one at a time.
// A repeat carries the same Idempotency-Key, so a label whose answer was lost on the way is not recorded twice.
//
//     waiting --answered--> gone
//        |  \--refused------> a notice that stays until it is dismissed; an undo of it is dropped
//        \--no answer, 429, 5xx--> waiting, tried again after a while
import { signal } from '@preact/signals';
import { apiKey, callRest, Problem, randomId } from '../rest/rest-client.ts';
import type { Label } from '../rest/shapes.ts';

export interface GivenLabel {
  pageId: number;
  label: Label;
  queue: string;
  tookMs: number;
  iteration?: number;
}

interface UndoneLabel {
  pageId: number;
  /** Idempotency-Key of the request that gave it: a label that somebody else gave since is not taken back. */
  request: string;
}

type Decision = { kind: 'labels'; labels: GivenLabel[] } | { kind: 'undo'; undoes: string; labels: UndoneLabel[] };
export type Operation = Decision & { id: string };
export type Notice = { id: string; text: string; pageIds: number[]; isUndo: boolean };

export type OutboxState =
  | { kind: 'idle' }
  | { kind: 'sending' }
  | { kind: 'stalled'; detail: string; retryAt: number }
  | { kind: 'locked'; detail: string };

const waitingPrefix = 'florilegium.waiting.';
const refusedPrefix = 'florilegium.refused.';
const lockName = 'florilegium-outbox';
/** The server takes so many in one request. */
const labelsPerRequest = 500;
const firstDelayMs = 500;
const delayMsMax = 10_000;

export const outboxState = signal<OutboxState>({ kind: 'idle' });
/** Counts up with each change of what waits or was refused, in any tab. */
export const outboxTurn = signal(0);
/** Counts up with each delivery. */
export const deliveries = signal(0);

let delayMs = firstDelayMs;
let draining = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let lastPlace = Math.max(
  0,
  ...keysOf(waitingPrefix).map((key) => Number(key.slice(waitingPrefix.length).split('.')[0])),
);

const turn = () => {
  outboxTurn.value = outboxTurn.peek() + 1;
};

/** Keeps a decision and begins to send it. @throws when this browser has no room left to keep it */
export function keepDecision(decision: Decision): string {
  // A clock that is set back must not change the order.
  lastPlace = Math.max(Date.now(), lastPlace + 1);
  const kept: Operation = { ...decision, id: randomId() };
  localStorage.setItem(`${waitingPrefix}${String(lastPlace).padStart(16, '0')}.${kept.id}`, JSON.stringify(kept));
  turn();
  // A stalled network is not asked more often because somebody labels fast.
  if (outboxState.peek().kind !== 'stalled') void drain();
  return kept.id;
}

/** Decisions that the server has not answered yet, the oldest first, of all tabs. */
export const waitingDecisions = (): Operation[] =>
  keysOf(waitingPrefix).flatMap((key) => {
    const operation = read<Operation>(key);
    return operation ? [operation] : [];
  });

export const pagesOf = ({ labels }: Operation): number[] => labels.map(({ pageId }) => pageId);

/** The Idempotency-Key with which the label at a place of an operation travels. */
export const requestOf = (id: string, place: number): string =>
  place < labelsPerRequest ? id : `${id}.${Math.floor(place / labelsPerRequest)}`;

export const notices = (): Notice[] =>
  keysOf(refusedPrefix).flatMap((key) => {
    const notice = read<Notice>(key);
    return notice ? [notice] : [];
  });

export const refusedPages = (id: string): number[] => read<Notice>(`${refusedPrefix}${id}`)?.pageIds ?? [];

export function dismissNotice(id: string): void {
  localStorage.removeItem(`${refusedPrefix}${id}`);
  turn();
}

export const sendNow = (): void => void drain();

async function drain(): Promise<void> {
  if (draining || keysOf(waitingPrefix).length === 0) return;
  draining = true;
  clearTimeout(timer);
  try {
    // One tab sends at a time, so that the order holds over all tabs. Without locks (plain http) repeats are harmless still.
    await (navigator.locks ? navigator.locks.request(lockName, deliverAll) : deliverAll());
    delayMs = firstDelayMs;
    outboxState.value = { kind: 'idle' };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.needsKey) outboxState.value = { kind: 'locked', detail: error.message };
    else {
      const waitMs = error.retryAfterMs ?? delayMs;
      delayMs = Math.min(delayMsMax, delayMs * 2);
      timer = setTimeout(drain, waitMs);
      outboxState.value = { kind: 'stalled', detail: error.message, retryAt: Date.now() + waitMs };
    }
  } finally {
    draining = false;
  }
  if (outboxState.peek().kind === 'idle') void drain();
}

async function deliverAll(): Promise<void> {
  for (;;) {
    const key = keysOf(waitingPrefix)[0];
    const operation = key && read<Operation>(key);
    if (!operation) return;
    if (outboxState.peek().kind !== 'sending') outboxState.value = { kind: 'sending' };
    const notice = await deliver(operation);
    // The notice is there before the entry is gone: between the two a crash leaves both, never neither.
    if (notice) localStorage.setItem(`${refusedPrefix}${operation.id}`, JSON.stringify(notice));
    localStorage.removeItem(key);
    delayMs = firstDelayMs;
    deliveries.value = deliveries.peek() + 1;
    turn();
  }
}

/** What the server will not take, however often it is asked. @throws Problem when it may take it later */
async function deliver(operation: Operation): Promise<Notice | undefined> {
  const { id } = operation;
  const refuse = (text: string, pageIds: number[]): Notice => ({
    id,
    text,
    pageIds,
    isUndo: operation.kind === 'undo',
  });
  try {
    if (operation.kind === 'undo') {
      // A label that was refused never was: taking it back must not touch the one before it.
      const never = new Set(refusedPages(operation.undoes));
      const refusals = new Map<number, string>();
      for (const { pageId, request } of operation.labels)
        if (!never.has(pageId)) {
          const message = await undo(pageId, request, `${id}-${pageId}`);
          if (message !== undefined) refusals.set(pageId, message);
        }
      const [first] = refusals.values();
      return first === undefined ? undefined : refuse(first, [...refusals.keys()]);
    }
    const refused: { pageId: number; message: string }[] = [];
    for (let place = 0; place < operation.labels.length; place += labelsPerRequest) {
      const answer = await callRest<{ refused: typeof refused }>('POST', '/v1/labels', {
        body: { labels: operation.labels.slice(place, place + labelsPerRequest) },
        idempotencyKey: requestOf(id, place),
      });
      refused.push(...answer.refused);
    }
    return (
      refused[0] &&
      refuse(
        refused[0].message,
        refused.map(({ pageId }) => pageId),
      )
    );
  } catch (error) {
    if (error instanceof Problem && !error.needsKey && !error.isWorthRepeating)
      return refuse(error.message, pagesOf(operation));
    throw error;
  }
}

/** @returns why the server leaves the label as it is; one page's refusal must not keep the others' undo from the server */
async function undo(pageId: number, request: string, idempotencyKey: string): Promise<string | undefined> {
  try {
    await callRest('POST', `/v1/labels/${pageId}/undo?ofRequest=${request}`, { idempotencyKey });
    return undefined;
  } catch (error) {
    if (error instanceof Problem && !error.needsKey && !error.isWorthRepeating) return error.message;
    throw error;
  }
}

function keysOf(prefix: string): string[] {
  const keys: string[] = [];
  for (let index = 0; index < localStorage.length; index++) {
    const key = localStorage.key(index);
    if (key?.startsWith(prefix)) keys.push(key);
  }
  return keys.sort();
}

function read<Value>(key: string): Value | undefined {
  return (JSON.parse(localStorage.getItem(key) ?? 'null') as Value | null) ?? undefined;
}

addEventListener('online', () => void drain());
addEventListener('storage', turn);
apiKey.subscribe(() => void drain());
// What another tab left behind when it was closed.
setInterval(() => {
  if (outboxState.peek().kind === 'idle') void drain();
}, 1_000);
