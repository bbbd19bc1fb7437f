import { Histogram } from 'prom-client';

const batches = new Histogram({
  name: 'florilegium_work_batch_duration_seconds',
  help: 'Time that a worker held a batch, by kind of work and by what came of it: done, failed, given_back',
  labelNames: ['kind', 'outcome'],
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200],
});

export const observeBatch = (kind: string, outcome: 'done' | 'failed' | 'given_back', seconds: number): void =>
  batches.observe({ kind, outcome }, seconds);
