import type { Db } from '@florilegium/db';
import type { Messaging } from '@florilegium/messaging';
import { startWorker, type Worker, type WorkerOptions } from '@florilegium/work';
import type { Schema } from './schema.ts';
import { service, unitOn, type WorkKind } from './store.ts';
import { endTraining } from './usecases/end-training.ts';
import { type FinishEnsembleDeps, finishEnsemble } from './usecases/finish-ensemble.ts';
import { type PrepareTrainingDeps, prepareTraining } from './usecases/prepare-training.ts';
import { trainMember } from './usecases/train-member.ts';

export interface WorkersDeps extends PrepareTrainingDeps, FinishEnsembleDeps {
  db: Db<Schema>;
  messaging: Messaging;
  /** Members in work at once: more than threads that multiply would only wait. */
  computeThreads: number;
}

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
      // A neighbour that is started again is back within seconds; six tries span about half a minute.
      failuresMax: 6,
      onFailed: async (tx, { runId }, reason) => {
        await endTraining(unitOn(tx), runId, 'failed', reason);
      },
      ...timing,
    });
  const workers = await Promise.all([
    start('prepare', 1, (batch) => prepareTraining(deps, batch)),
    start('member', deps.computeThreads, (batch) => trainMember(deps, batch)),
    start('finish', 1, (batch) => finishEnsemble(deps, batch)),
  ]);
  return {
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}
