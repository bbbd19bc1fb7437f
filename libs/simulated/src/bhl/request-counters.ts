import type { FaultKind } from './faults.ts';

const binMs = 100;
/** An hour of arrivals is kept. */
const binsMax = 36_000;

export type RequestKind = 'export' | 'image' | 'redirect' | 'placeholder' | 'unknown';

export interface BhlCounters {
  requests: number;
  byKind: Record<RequestKind, number>;
  /** Answers by status; connections that were torn down without one are not in it. */
  byStatus: Record<number, number>;
  byFault: Record<FaultKind, number>;
  /** Answered 429. */
  throttled: number;
  /** Requests under way now, and the most there have been at once. */
  inFlight: number;
  inFlightPeak: number;
}

export interface RequestArrivals {
  /** Requests that arrived in each whole second since the first one, quiet seconds included. */
  perSecond: number[];
  /** The most in any second, on a window that moves by 100 ms. */
  peakPerSecond: number;
}

export interface RequestCounters {
  arrived(kind: RequestKind, nowMs?: number): void;
  ended(status: number | undefined): void;
  fault(kind: FaultKind): void;
  read(): BhlCounters;
  arrivals(): RequestArrivals;
  reset(): void;
}

/** Counts what the simulated BHL was asked, for tests that measure a client's rate where it matters: at the server. */
export function createRequestCounters(): RequestCounters {
  let counters = zero(0);
  let bins = new Map<number, number>();
  return {
    arrived: (kind, nowMs = Date.now()) => {
      counters.requests += 1;
      counters.byKind[kind] += 1;
      counters.inFlight += 1;
      counters.inFlightPeak = Math.max(counters.inFlightPeak, counters.inFlight);
      const bin = Math.floor(nowMs / binMs);
      bins.set(bin, (bins.get(bin) ?? 0) + 1);
      if (bins.size > binsMax) bins.delete(bins.keys().next().value!);
    },
    ended: (status) => {
      counters.inFlight = Math.max(0, counters.inFlight - 1);
      if (status === undefined) return;
      counters.byStatus[status] = (counters.byStatus[status] ?? 0) + 1;
      if (status === 429) counters.throttled += 1;
    },
    fault: (kind) => {
      counters.byFault[kind] += 1;
    },
    read: () => structuredClone(counters),
    arrivals: () => arrivalsOf(bins),
    reset: () => {
      counters = zero(counters.inFlight);
      bins = new Map();
    },
  };
}

function zero(inFlight: number): BhlCounters {
  return {
    requests: 0,
    byKind: { export: 0, image: 0, redirect: 0, placeholder: 0, unknown: 0 },
    byStatus: {},
    byFault: { slow: 0, cutShort: 0, html: 0, serverError: 0, reset: 0 },
    throttled: 0,
    inFlight,
    inFlightPeak: inFlight,
  };
}

function arrivalsOf(bins: ReadonlyMap<number, number>): RequestArrivals {
  const binsPerSecond = 1000 / binMs;
  const first = Math.min(...bins.keys());
  const last = Math.max(...bins.keys());
  if (!Number.isFinite(first)) return { perSecond: [], peakPerSecond: 0 };
  const perSecond: number[] = new Array(Math.floor((last - first) / binsPerSecond) + 1).fill(0);
  let peakPerSecond = 0;
  let window = 0;
  for (let bin = first; bin <= last; bin++) {
    const count = bins.get(bin) ?? 0;
    perSecond[Math.floor((bin - first) / binsPerSecond)]! += count;
    window += count - (bins.get(bin - binsPerSecond) ?? 0);
    peakPerSecond = Math.max(peakPerSecond, window);
  }
  return { perSecond, peakPerSecond };
}
