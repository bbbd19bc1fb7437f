import type { Db } from '@florilegium/db';
import { messageOf } from '@florilegium/errors';
import type { Messaging } from '@florilegium/messaging';
import { startWorker, type Worker, type WorkerOptions } from '@florilegium/work';
import type { Schema } from './schema.ts';
import { service, unitOn, type WorkKind } from './store.ts';
import { type ClearScratchDeps, clearScratch } from './usecases/clear-scratch.ts';
import { endTraining } from './usecases/end-training.ts';
import { type FinishEnsembleDeps, finishEnsemble } from './usecases/finish-ensemble.ts';
import { type PrepareTrainingDeps, prepareTraining } from './usecases/prepare-training.ts';
import { type TrainMemberDeps, trainMember } from './usecases/train-member.ts';

export interface WorkersDeps extends PrepareTrainingDeps, TrainMemberDeps, FinishEnsembleDeps {
  db: Db<Schema>;
  messaging: Messaging;
  /** Members in work at once: more than threads that multiply would only wait. */
  computeThreads: number;
}

/** How long the scratch of a training may outlive it. */
const clearScratchEveryMs = 600_000;

/** One worker a phase; whatever ends a batch for good fails its training, in the same transaction. */
export async function startWorkers(
  deps: WorkersDeps,
  timing: Pick<WorkerOptions<Schema>, 'heartbeatMs' | 'staleMs' | 'retryDelayMs'> = {},
): Promise<Worker> {
  const { db, messaging, log } = deps;
  const start = (kind: WorkKind, concurrency: number, handle: WorkerOptions<Schema>['handle']) =>
    startWorker<Schema>({
      service,
      kind,
      db,
      messaging,
      log,
      concurrency,
      handle,
      onFailed: async (tx, { runId }, reason) => {
        await endTraining(unitOn(tx), runId, 'failed', reason);
      },
      ...timing,
    });
  const clearing = keepScratchClear(deps);
  const workers = await Promise.all([
    start('prepare', 1, (batch) => prepareTraining(deps, batch)),
    start('member', deps.computeThreads, (batch) => trainMember(deps, batch)),
    start('finish', 1, async (batch) => {
      await finishEnsemble(deps, batch);
      clearing.now();
    }),
  ]);
  return {
    stop: async () => {
      await clearing.stop();
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}

/** Sweeps now and then, and whenever a training has ended here; one sweep at a time. */
function keepScratchClear(deps: ClearScratchDeps): { now(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  let sweeping: Promise<unknown> = Promise.resolve();
  const now = () => {
    sweeping = sweeping.then(async () => {
      if (stopping.signal.aborted) return;
      await clearScratch(deps, stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted) deps.log.warn({ reason: messageOf(error) }, 'scratch was not cleared');
      });
    });
  };
  const timer = setInterval(now, clearScratchEveryMs);
  timer.unref();
  now();
  return {
    now,
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await sweeping;
    },
  };
}
