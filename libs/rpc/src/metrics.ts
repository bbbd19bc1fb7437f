import { Histogram } from 'prom-client';

const calls = new Histogram({
  name: 'florilegium_grpc_request_duration_seconds',
  help: 'Duration of gRPC calls, streams to their end, by method and status code',
  labelNames: ['method', 'code'],
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
});

export const observeCall = (method: string, code: string, seconds: number): void =>
  calls.observe({ method, code }, seconds);
