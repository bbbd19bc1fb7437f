/**
 * The gate through which every request to a source passes: evenly spaced starts, at most so many in flight.
 * When the next start is due is decided by a ledger: in memory for one process, in a database for a whole cluster.
 */

/** Consecutive start times granted by a ledger. Times are relative, so that no two clocks are compared. */
export interface GrantedSlots {
  /** Milliseconds from now to the first start. */
  firstInMs: number;
  /** Starts granted; 0 when the first free one is further away than was acceptable. */
  count: number;
  spacingMs: number;
}

/** How many of a host's requests in flight belong to one process. */
export interface GrantedShare {
  /** 0: others have them all now. */
  inFlightMax: number;
  /** After so long it is to be asked for again. */
  goodForMs: number;
}

export interface SlotLedger {
  /** Takes up to `count` next starts for `host`, none if the first would be later than `waitMsMax`. */
  takeSlots(host: string, count: number, waitMsMax: number): Promise<GrantedSlots>;
  /**
   * Takes, keeps or lessens this process's share of the requests in flight towards `host`: up to `wanted` of them, of which `inFlight` are under
   * way. All shares together never pass the host's limit; a share that is smaller than `inFlight` counts in full until those have ended.
   */
  takeShare(host: string, wanted: number, inFlight: number): Promise<GrantedShare>;
  /** This process has nothing to do with `host` for now. */
  giveBackShare(host: string): Promise<void>;
  /** Nobody starts a request to `host` for `delayMs` from now. */
  holdBack(host: string, delayMs: number): Promise<void>;
}

export interface HostLimits {
  requestsPerSecond: number;
  inFlightMax: number;
}

export type Passage = { kind: 'go'; leave: () => void } | { kind: 'later'; retryAfterMs: number };

export interface HostGate {
  /**
   * Resolves when a request to `host` may start (`go`; call `leave` once when it has ended), or with `later` when that
   * would be after `waitMsMax`. Rejects with the signal's reason when `signal` aborts.
   */
  enter(host: string, options: { waitMsMax: number; signal?: AbortSignal }): Promise<Passage>;
  /** Holds everybody back from `host`, because it said so (Retry-After) or because it fails again and again. */
  holdBack(host: string, delayMs: number): Promise<void>;
  /** Requests under way and waiting, by host. */
  counts(): { host: string; inFlight: number; waiting: number }[];
}

interface Waiter {
  deadline: number;
  resolve: (passage: Passage) => void;
  reject: (error: unknown) => void;
  cleanUp: () => void;
}

interface HostState {
  waiting: Waiter[];
  inFlight: number;
  inFlightMax: number;
  /** Until when `inFlightMax` holds, on this process's clock. */
  shareUntil: number;
  /** What was asked for when the share was taken. */
  shareWanted: number;
  /** Renews the share while there is something to do, and gives it back when there is not. */
  renewal: NodeJS.Timeout | undefined;
  /** Start times taken from the ledger and not used yet, on this process's clock. */
  slots: number[];
  /** Grants let go in a row, because they came too slowly. */
  discards: number;
  heldBackUntil: number;
  pumping: boolean;
  wake: (() => void) | undefined;
}

// A start that was missed by more than this is given up: catching up would bunch requests and break the even spacing.
const lateMsMax = 25;
// Slots are taken this far ahead, so that a ledger in a database is asked some ten times a second and not per request.
const aheadMs = 100;
const renewalMs = 1000;
// A ledger far away does not say when within the round trip it spoke. Half of this one is as much as a start may be late; starts that come
// with a longer one are let go, unless all of them do.
const roundTripMsMax = 50;
const discardsMax = 3;

export function createHostGate(ledger: SlotLedger): HostGate {
  const hosts = new Map<string, HostState>();
  const stateOf = (host: string): HostState => {
    let state = hosts.get(host);
    if (!state) {
      state = {
        waiting: [],
        inFlight: 0,
        inFlightMax: 0,
        shareUntil: 0,
        shareWanted: 0,
        renewal: undefined,
        slots: [],
        discards: 0,
        heldBackUntil: 0,
        pumping: false,
        wake: undefined,
      };
      hosts.set(host, state);
    }
    return state;
  };

  async function pump(host: string, state: HostState): Promise<void> {
    if (state.pumping) return;
    state.pumping = true;
    try {
      while (state.waiting.length > 0) {
        const wanted = state.inFlight + state.waiting.length;
        const isOutgrown = state.inFlight >= state.inFlightMax && wanted > state.shareWanted;
        // Twice what is wanted now, so that growing by ones does not ask by ones.
        if (isOutgrown || performance.now() >= state.shareUntil) await takeShare(host, state, wanted * 2);
        if (state.inFlight >= state.inFlightMax) {
          await sleepUntil(state, Math.min(earliestDeadline(state), state.shareUntil));
        } else if (state.slots.length === 0) {
          await takeMore(host, state);
        } else {
          const slot = state.slots[0]!;
          const now = performance.now();
          if (slot < now - lateMsMax) state.slots.shift();
          else if (slot <= now) admit(state);
          else await sleepUntil(state, Math.min(slot, earliestDeadline(state), state.shareUntil));
        }
        expire(state);
      }
    } catch (error) {
      for (const waiter of state.waiting.splice(0)) settle(waiter, () => waiter.reject(error));
    } finally {
      state.pumping = false;
    }
  }

  async function takeShare(host: string, state: HostState, wanted: number): Promise<void> {
    const share = await ledger.takeShare(host, wanted, state.inFlight);
    state.shareWanted = wanted;
    state.inFlightMax = share.inFlightMax;
    state.shareUntil = performance.now() + share.goodForMs;
    state.renewal ??= setInterval(() => {
      if (state.pumping) return;
      const isIdle = state.inFlight === 0 && state.waiting.length === 0;
      if (isIdle) {
        clearInterval(state.renewal);
        state.renewal = undefined;
        state.inFlightMax = 0;
        state.shareUntil = 0;
      }
      // A ledger out of reach is asked again by whoever waits next.
      (isIdle ? ledger.giveBackShare(host) : takeShare(host, state, state.inFlight * 2)).catch(() => {});
    }, renewalMs).unref();
  }

  async function takeMore(host: string, state: HostState): Promise<void> {
    const waitMsMax = Math.max(...state.waiting.map((waiter) => waiter.deadline)) - performance.now();
    const wanted = Math.min(state.waiting.length, state.inFlightMax - state.inFlight);
    const askedAt = performance.now();
    const granted = await ledger.takeSlots(host, wanted, Math.max(waitMsMax, 0));
    const now = performance.now();
    if (granted.count === 0) {
      // Nobody who waits now can be served in time.
      state.heldBackUntil = now + granted.firstInMs;
      for (const waiter of state.waiting.splice(0)) {
        settle(waiter, () => waiter.resolve({ kind: 'later', retryAfterMs: Math.ceil(granted.firstInMs) }));
      }
      return;
    }
    const isSlow = now - askedAt > roundTripMsMax;
    if (isSlow && granted.spacingMs > 0 && state.discards < discardsMax) {
      state.discards += 1;
      return;
    }
    if (!isSlow) state.discards = 0;
    const first = (isSlow ? now : (askedAt + now) / 2) + granted.firstInMs;
    // One that went by while the answer was under way is no missed start.
    for (let i = 0; i < granted.count; i++) state.slots.push(Math.max(first + i * granted.spacingMs, now));
  }

  function admit(state: HostState): void {
    state.slots.shift();
    const waiter = state.waiting.shift()!;
    state.inFlight++;
    let left = false;
    settle(waiter, () =>
      waiter.resolve({
        kind: 'go',
        leave: () => {
          if (left) return;
          left = true;
          state.inFlight--;
          state.wake?.();
        },
      }),
    );
  }

  /** Waiters whose patience has ended leave the queue. */
  function expire(state: HostState): void {
    const now = performance.now();
    for (let i = state.waiting.length - 1; i >= 0; i--) {
      const waiter = state.waiting[i]!;
      if (waiter.deadline > now) continue;
      state.waiting.splice(i, 1);
      const retryAfterMs = Math.max(state.heldBackUntil - now, aheadMs);
      settle(waiter, () => waiter.resolve({ kind: 'later', retryAfterMs: Math.ceil(retryAfterMs) }));
    }
  }

  return {
    enter(host, { waitMsMax, signal }) {
      signal?.throwIfAborted();
      const state = stateOf(host);
      const now = performance.now();
      if (state.heldBackUntil > now + waitMsMax) {
        return Promise.resolve({ kind: 'later', retryAfterMs: Math.ceil(state.heldBackUntil - now) });
      }
      return new Promise<Passage>((resolve, reject) => {
        const waiter: Waiter = { deadline: now + waitMsMax, resolve, reject, cleanUp: () => {} };
        if (signal) {
          const onAbort = () => {
            const at = state.waiting.indexOf(waiter);
            if (at >= 0) state.waiting.splice(at, 1);
            settle(waiter, () => reject(signal.reason));
            state.wake?.();
          };
          signal.addEventListener('abort', onAbort, { once: true });
          waiter.cleanUp = () => signal.removeEventListener('abort', onAbort);
        }
        state.waiting.push(waiter);
        state.wake?.();
        void pump(host, state);
      });
    },
    async holdBack(host, delayMs) {
      const state = stateOf(host);
      state.slots.length = 0;
      state.heldBackUntil = Math.max(state.heldBackUntil, performance.now() + delayMs);
      await ledger.holdBack(host, delayMs);
      state.wake?.();
    },
    counts: () =>
      [...hosts].map(([host, state]) => ({ host, inFlight: state.inFlight, waiting: state.waiting.length })),
  };
}

function settle(waiter: Waiter, action: () => void): void {
  waiter.cleanUp();
  action();
}

function earliestDeadline(state: HostState): number {
  return state.waiting.reduce((least, waiter) => Math.min(least, waiter.deadline), Number.POSITIVE_INFINITY);
}

function sleepUntil(state: HostState, time: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      state.wake = undefined;
      resolve();
    };
    const timer = setTimeout(done, Math.min(Math.max(time - performance.now(), 0), 2_147_483_647));
    state.wake = done;
  });
}

/** A ledger for one process. `limitsOf` names the limits of a host; they are read at every call. */
export function createMemoryLedger(limitsOf: (host: string) => HostLimits): SlotLedger {
  const nextAt = new Map<string, number>();
  return {
    async takeSlots(host, count, waitMsMax) {
      const { requestsPerSecond } = limitsOf(host);
      const spacingMs = 1000 / requestsPerSecond;
      const now = performance.now();
      const first = Math.max(now, nextAt.get(host) ?? 0);
      if (first > now + waitMsMax) return { firstInMs: first - now, count: 0, spacingMs };
      const granted = slotsToTake(count, requestsPerSecond);
      nextAt.set(host, first + granted * spacingMs);
      return { firstInMs: first - now, count: granted, spacingMs };
    },
    takeShare: async (host) => ({ inFlightMax: limitsOf(host).inFlightMax, goodForMs: Number.POSITIVE_INFINITY }),
    giveBackShare: async () => {},
    async holdBack(host, delayMs) {
      nextAt.set(host, Math.max(nextAt.get(host) ?? 0, performance.now() + delayMs));
    },
  };
}

/** How many starts to take at once: no more than are wanted, and no more than about a tenth of a second's worth. */
export function slotsToTake(wanted: number, requestsPerSecond: number): number {
  return Math.max(1, Math.min(wanted, Math.floor((requestsPerSecond * aheadMs) / 1000)));
}
