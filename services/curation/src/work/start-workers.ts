import type { Db, Tx } from '@florilegium/db';
import type { Log } from '@florilegium/log';
import type { Messaging } from '@florilegium/messaging';
import type { ObjectStore } from '@florilegium/object-store';
import { type ClaimedBatch, startWorker, type Worker } from '@florilegium/work';
import type { InferenceClient } from '../clients/inference.client.ts';
import type { Schema } from '../schema.ts';
import { type Store, storeOn, type WorkKind } from '../store.ts';
import { collectPredictions, markCollected } from '../usecases/collect-predictions.ts';
import type { DescribeListDeps } from '../usecases/describe-pages.ts';
import { type DrawOutsideDeps, drawOutside } from '../usecases/draw-outside.ts';
import { failIteration } from '../usecases/fail-iteration.ts';
import { collectList, freezeHqList } from '../usecases/freeze-hq-list.ts';
import { describeImportedList, publishImportedList } from '../usecases/import-hq-list.ts';
import { importScores, markScoresImported } from '../usecases/import-scores.ts';
import { noteListRun, predictHqList } from '../usecases/predict-hq-list.ts';
import { failHqList } from '../usecases/publish-hq-list.ts';
import { noteStartedRun, startPredictionRun } from '../usecases/start-prediction-run.ts';
import { markListStored, storeHqList } from '../usecases/store-hq-list.ts';

export interface WorkersDeps {
  db: Db<Schema>;
  store: Store;
  messaging: Messaging;
  log: Log;
  inference: Pick<InferenceClient, 'startPredictionRun' | 'streamPredictions'>;
  catalog: DrawOutsideDeps['catalog'] & DescribeListDeps['catalog'];
  fetcher: DrawOutsideDeps['fetcher'] & DescribeListDeps['fetcher'];
  objects: Pick<ObjectStore, 'getStream' | 'putContent'>;
}

interface Kind {
  handle(batch: ClaimedBatch<Schema>): Promise<unknown>;
  onFailed(tx: Tx<Schema>, runId: string, reason: string): Promise<void>;
  failuresMax?: number;
  unavailableFailuresMax?: number;
  retryDelayMs?: (failures: number) => number;
}

/** Inference records an ensemble some moments after it was trained: asked too early it is asked again, for about a minute and a half in all; away, for half an hour. */
const patience = {
  failuresMax: 40,
  unavailableFailuresMax: 600,
  retryDelayMs: (failures: number) => Math.min(3000, 250 * 1.4 ** failures),
};

/** One worker for each kind of long work; an iteration or list whose work fails for good fails with its reason. */
export async function startWorkers({ db, store, messaging, log, ...deps }: WorkersDeps): Promise<Worker> {
  const ofIteration = async (tx: Tx<Schema>, id: string, reason: string) => {
    const bound = storeOn(tx);
    const iteration = await bound.iterations.lock(id);
    if (iteration) await failIteration(bound, iteration, reason);
  };
  const ofList = (tx: Tx<Schema>, id: string, reason: string) => failHqList(storeOn(tx), id, reason);
  const use = { store, ...deps };

  const kinds: Record<WorkKind, Kind> = {
    'import-scores': {
      handle: async ({ runId, complete }) => {
        await importScores(use, runId);
        await complete((tx) => markScoresImported(storeOn(tx), runId));
      },
      onFailed: ofIteration,
    },
    predict: {
      handle: async ({ runId, number, complete }) => {
        const started = await startPredictionRun(use, { iterationId: runId, setNumber: number });
        await complete((tx) => noteStartedRun(storeOn(tx), { iterationId: runId, setNumber: number, started }));
      },
      onFailed: ofIteration,
      ...patience,
    },
    collect: {
      handle: async ({ runId, number, signal, complete }) => {
        await collectPredictions(use, { iterationId: runId, setNumber: number, signal });
        await complete((tx) => markCollected(storeOn(tx), { iterationId: runId, setNumber: number }));
      },
      onFailed: ofIteration,
    },
    'predict-list': {
      handle: async ({ runId, complete }) => {
        const started = await predictHqList(use, runId);
        await complete(async (tx) => {
          if (started) await noteListRun(storeOn(tx), runId, started);
        });
      },
      onFailed: ofList,
      ...patience,
    },
    'freeze-list': {
      handle: async ({ runId, signal, complete }) => {
        const outside = await drawOutside(use, runId, signal);
        const collected = await collectList(use, runId, signal);
        await complete((tx) => freezeHqList(use, storeOn(tx), runId, collected, outside));
      },
      onFailed: ofList,
    },
    'describe-list': {
      handle: async ({ runId, signal, complete }) => {
        const described = await describeImportedList(use, runId, signal);
        await complete(async (tx) => {
          if (described) await publishImportedList(storeOn(tx), runId, described);
        });
      },
      onFailed: ofList,
      ...patience,
    },
    'store-list': {
      handle: async ({ runId, complete }) => {
        const key = await storeHqList(use, runId);
        await complete((tx) => markListStored(storeOn(tx), runId, key));
      },
      // The list is read from the database: a store that is away for long takes nothing from it but this copy, and the log tells.
      onFailed: async (_tx, runId, reason) =>
        log.error({ listId: runId, reason }, 'the list is not in the object store'),
      ...patience,
    },
  };

  const workers = await Promise.all(
    Object.entries(kinds).map(([kind, { handle, onFailed, ...patienceOf }]) =>
      startWorker<Schema>({
        service: 'curation',
        kind,
        db,
        messaging,
        log,
        concurrency: kind === 'predict' || kind === 'collect' ? 2 : 1,
        handle: async (batch) => void (await handle(batch)),
        onFailed: (tx, batch, reason) => onFailed(tx, batch.runId, reason),
        ...patienceOf,
      }),
    ),
  );
  return { stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))) };
}
