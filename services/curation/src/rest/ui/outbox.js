// Decisions on their way to the server. Each is an entry of its own in localStorage from the moment of the key press until the
// server has answered, so neither a refresh nor a closed window nor a second tab loses one; they leave in order, one at a time.
// A repeat carries the same Idempotency-Key, so a label whose answer was lost on the way is not recorded twice.
//
//     waiting --answered--> gone
//        |  \--refused------> a notice that stays until it is dismissed; an undo of it is dropped
//        \--no answer, 429, 5xx--> waiting, tried again after a while
import { callRest, Problem, randomId } from './rest-client.js';

const waitingPrefix = 'florilegium.waiting.';
const refusedPrefix = 'florilegium.refused.';
const lockName = 'florilegium-outbox';
const firstDelayMs = 500;
const delayMsMax = 10_000;

export function createOutbox({ onChange, onDelivered }) {
  let state = { kind: 'idle' };
  let delayMs = firstDelayMs;
  let draining = false;
  let timer;
  let lastPlace = Math.max(
    0,
    ...keysOf(waitingPrefix).map((key) => Number(key.slice(waitingPrefix.length).split('.')[0])),
  );

  const change = (next) => {
    state = next;
    onChange();
  };

  function add(operation) {
    // A clock that is set back must not change the order.
    lastPlace = Math.max(Date.now(), lastPlace + 1);
    const kept = { ...operation, id: randomId() };
    localStorage.setItem(`${waitingPrefix}${String(lastPlace).padStart(16, '0')}.${kept.id}`, JSON.stringify(kept));
    onChange();
    // A stalled network is not asked more often because somebody labels fast.
    if (state.kind !== 'stalled') void drain();
    return kept.id;
  }

  async function drain() {
    if (draining || keysOf(waitingPrefix).length === 0) return;
    draining = true;
    clearTimeout(timer);
    try {
      // One tab sends at a time, so that the order holds over all tabs. Without locks (plain http) repeats are harmless still.
      await (navigator.locks ? navigator.locks.request(lockName, deliverAll) : deliverAll());
      delayMs = firstDelayMs;
      change({ kind: 'idle' });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.needsKey) change({ kind: 'locked', detail: error.message });
      else {
        const waitMs = error.retryAfterMs ?? delayMs;
        delayMs = Math.min(delayMsMax, delayMs * 2);
        timer = setTimeout(drain, waitMs);
        change({ kind: 'stalled', detail: error.message, retryAt: Date.now() + waitMs });
      }
    } finally {
      draining = false;
    }
    if (state.kind === 'idle') void drain();
  }

  async function deliverAll() {
    for (;;) {
      const key = keysOf(waitingPrefix)[0];
      const operation = key && read(key);
      if (!operation) return;
      if (state.kind !== 'sending') change({ kind: 'sending' });
      const refusal = await deliver(operation);
      // The notice is there before the entry is gone: between the two a crash leaves both, never neither.
      if (refusal)
        localStorage.setItem(`${refusedPrefix}${operation.id}`, JSON.stringify({ ...operation, detail: refusal }));
      localStorage.removeItem(key);
      delayMs = firstDelayMs;
      onDelivered(operation, refusal);
      onChange();
    }
  }

  /** The reason when the server will not take it, however often it is asked. @throws Problem when it may take it later */
  async function deliver({ id, kind, undoes, pageId, label, queue, iteration, tookMs }) {
    try {
      if (kind === 'undo') {
        if (localStorage.getItem(`${refusedPrefix}${undoes}`) !== null) return undefined;
        await callRest('POST', `/v1/labels/${pageId}/undo`, { idempotencyKey: id });
        return undefined;
      }
      const body = { labels: [{ pageId, label, queue, iteration, tookMs }] };
      const { refused } = await callRest('POST', '/v1/labels', { body, idempotencyKey: id });
      return refused[0]?.message;
    } catch (error) {
      if (error instanceof Problem && !error.needsKey && !error.isWorthRepeating) return error.message;
      throw error;
    }
  }

  addEventListener('online', () => void drain());
  addEventListener('storage', () => onChange());
  return {
    add,
    retryNow: () => void drain(),
    get state() {
      return state;
    },
    /** Decisions that the server has not answered yet, the oldest first, of all tabs. */
    waiting: () => keysOf(waitingPrefix).map(read).filter(Boolean),
    refused: () => keysOf(refusedPrefix).map(read).filter(Boolean),
    isRefused: (id) => localStorage.getItem(`${refusedPrefix}${id}`) !== null,
    dismiss: (id) => {
      localStorage.removeItem(`${refusedPrefix}${id}`);
      onChange();
    },
  };
}

/** What this tab decided, the newest last, so that it can be taken back step by step, after a refresh too. */
export function createHistory() {
  const prefix = 'florilegium.done.';
  const keyOf = (place) => prefix + String(place).padStart(9, '0');
  const keys = keysOf(prefix, sessionStorage);
  let [first, next] = keys.length === 0 ? [0, 0] : [placeOf(keys[0]), placeOf(keys.at(-1)) + 1];
  function placeOf(key) {
    return Number(key.slice(prefix.length));
  }
  const peek = () => (next > first ? JSON.parse(sessionStorage.getItem(keyOf(next - 1))) : undefined);
  return {
    get count() {
      return next - first;
    },
    push: (entry) => {
      for (;;) {
        try {
          sessionStorage.setItem(keyOf(next), JSON.stringify(entry));
          break;
        } catch (error) {
          // The room of a tab is some megabytes, more than ten thousand decisions: then the oldest ones go.
          if (first === next) throw error;
          sessionStorage.removeItem(keyOf(first++));
        }
      }
      next++;
    },
    pop: () => {
      const entry = peek();
      if (entry) sessionStorage.removeItem(keyOf(--next));
      return entry;
    },
    /** A decision whose refusal was seen: taking it back changes nothing at the server. */
    markRefused: (id) => {
      for (let place = next - 1; place >= first; place--) {
        const entry = JSON.parse(sessionStorage.getItem(keyOf(place)));
        if (entry.id === id) return sessionStorage.setItem(keyOf(place), JSON.stringify({ ...entry, isRefused: true }));
      }
    },
    newest: (countMax) => {
      const entries = [];
      for (let place = next - 1; place >= first && entries.length < countMax; place--)
        entries.push(JSON.parse(sessionStorage.getItem(keyOf(place))));
      return entries;
    },
  };
}

function keysOf(prefix, storage = localStorage) {
  return Array.from({ length: storage.length }, (_, index) => storage.key(index))
    .filter((key) => key?.startsWith(prefix))
    .sort();
}

function read(key) {
  return JSON.parse(localStorage.getItem(key) ?? 'null');
}
