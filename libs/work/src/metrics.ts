import { Gauge, Histogram } from 'prom-client';

const batches = new Histogram({
  name: 'florilegium_work_batch_duration_seconds',
  help: 'Time that a worker held a batch, by kind of work and by what came of it: done, failed, given_back',
  labelNames: ['kind', 'outcome'],
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200],
});

const inWork = new Gauge({
  name: 'florilegium_work_batches_in_work',
  help: 'Batches that this process has in work, by kind',
  labelNames: ['kind'],
});

const outcomes = ['done', 'failed', 'given_back'] as const;

/** From the start on, for a counter that appears with its first event has risen by nothing. */
export function showKind(kind: string): void {
  inWork.inc({ kind }, 0);
  for (const outcome of outcomes) batches.zero({ kind, outcome });
}

export const countInWork = (kind: string, change: 1 | -1): void => inWork.inc({ kind }, change);

export const observeBatch = (kind: string, outcome: (typeof outcomes)[number], seconds: number): void =>
  batches.observe({ kind, outcome }, seconds);
