export type { Claim } from './batches.repo.ts';
export { ensureWorkConsumer, workDurable } from './ensure-work-consumer.ts';
export type { Sweeper, SweeperOptions } from './start-sweeper.ts';
export { startSweeper } from './start-sweeper.ts';
export type { ClaimedBatch, Worker, WorkerOptions } from './start-worker.ts';
export { startWorker } from './start-worker.ts';
export type { BatchCounts, BatchPlan, BatchState, EnqueueOptions } from './work-table.ts';
export {
  addPatienceToWorkTable,
  batchStates,
  cancelBatches,
  countBatches,
  createWorkTable,
  enqueueBatches,
  retryFailedBatches,
} from './work-table.ts';
