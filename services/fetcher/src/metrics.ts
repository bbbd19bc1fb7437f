import type { HostGate, RequestReport } from '@florilegium/bhl';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { QueueLag } from './store.ts';

// Dimensions come from closed lists: sources and hosts are configuration, results and states are fixed.
const requests = new Counter({
  name: 'florilegium_fetcher_requests_total',
  help: 'Requests to image sources, by what came of them',
  labelNames: ['source', 'result'],
});
const bytes = new Counter({
  name: 'florilegium_fetcher_received_bytes_total',
  help: 'Bytes received from image sources, by what came of them',
  labelNames: ['source', 'result'],
});
const durations = new Histogram({
  name: 'florilegium_fetcher_request_duration_seconds',
  help: 'Duration of a request to an image source, without the wait for its turn',
  labelNames: ['source'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
});
const pages = new Counter({
  name: 'florilegium_fetcher_pages_total',
  help: 'Pages of fetch runs, by the state they came to; retry_at once for each time',
  labelNames: ['state'],
});

export const countRequest = ({ source, result, bytes: length, durationMs }: RequestReport): void => {
  requests.inc({ source, result });
  bytes.inc({ source, result }, length);
  durations.observe({ source }, durationMs / 1000);
};

export const countPage = (state: string): void => pages.inc({ state });

const gates = new Set<HostGate>();
const gateRequests: Gauge<'host' | 'state'> = new Gauge({
  name: 'florilegium_fetcher_gate_requests',
  help: 'Requests in flight and waiting for their turn, by host',
  labelNames: ['host', 'state'],
  collect: () => {
    gateRequests.reset();
    for (const { host, inFlight, waiting } of [...gates].flatMap((gate) => gate.counts())) {
      gateRequests.inc({ host, state: 'in_flight' }, inFlight);
      gateRequests.inc({ host, state: 'waiting' }, waiting);
    }
  },
});

/** Shows what waits and what is under way at the gate, read when the metrics are. */
export const watchGate = (gate: HostGate): void => void gates.add(gate);

let readQueue: (() => Promise<QueueLag[]>) | undefined;
const batches: Gauge<'kind' | 'state'> = new Gauge({
  name: 'florilegium_fetcher_batches',
  help: 'Work batches of all replicas that wait or are in work, by kind',
  labelNames: ['kind', 'state'],
  collect: async () => {
    const lags = (await readQueue?.().catch(() => undefined)) ?? [];
    batches.reset();
    oldest.reset();
    for (const { kind, pending, running, oldestSeconds } of lags) {
      batches.set({ kind, state: 'pending' }, pending);
      batches.set({ kind, state: 'running' }, running);
      oldest.set({ kind }, oldestSeconds);
    }
  },
});
const oldest = new Gauge({
  name: 'florilegium_fetcher_queue_lag_seconds',
  help: 'How long the batch that is due longest has waited for a worker, by kind',
  labelNames: ['kind'],
});

/** Shows how long the queue is, read when the metrics are. */
export const watchQueue = (read: () => Promise<QueueLag[]>): void => {
  readQueue = read;
};
