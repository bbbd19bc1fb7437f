import type { EventName, EventPayload } from '@florilegium/contracts';
import { addToOutbox, type Db, type Tx } from '@florilegium/db';
import { eventMessage } from '@florilegium/messaging';
import { type BatchPlan, cancelBatches, enqueueBatches } from '@florilegium/work';
import type { Kysely } from 'kysely';
import type { PredictedPages } from './domain/prediction.ts';
import { type BackbonesRepo, backbonesRepo } from './repos/backbones.repo.ts';
import { type EmbeddingsRepo, embeddingsRepo } from './repos/embeddings.repo.ts';
import { type EnsemblesRepo, ensemblesRepo } from './repos/ensembles.repo.ts';
import { type PredictionRunsRepo, predictionRunsRepo } from './repos/prediction-runs.repo.ts';
import { copyPredictions, type PredictionsRepo, predictionsRepo } from './repos/predictions.repo.ts';
import type { Schema } from './schema.ts';

/** Kinds of work batches: `embed` makes one shard, `select` lists a run's pages (one a run), `predict` predicts some of them. */
export const workKinds = ['embed', 'select', 'predict'] as const;
export type WorkKind = (typeof workKinds)[number];

/** The repos of this service, its outbox and its work queue, all on one connection or one transaction. */
export interface Store {
  backbones: BackbonesRepo;
  embeddings: EmbeddingsRepo;
  ensembles: EnsemblesRepo;
  predictionRuns: PredictionRunsRepo;
  predictions: PredictionsRepo;
  announce<Name extends EventName>(name: Name, payload: EventPayload<Name>): Promise<void>;
  enqueue(kind: WorkKind, runId: string, batches: readonly BatchPlan[]): Promise<void>;
  cancelBatches(runId: string): Promise<void>;
}

export interface TransactionStore extends Store {
  copyPredictions(runNumber: number, predicted: PredictedPages): Promise<void>;
}

export interface RootStore extends Store {
  inTransaction<Result>(work: (store: TransactionStore) => Promise<Result>): Promise<Result>;
  /** The same on a transaction that somebody else has begun. */
  on(tx: Tx<Schema>): TransactionStore;
}

export function createStore(db: Db<Schema>): RootStore {
  return {
    ...bind(db.kysely),
    inTransaction: (work) => db.inTransaction((tx) => work(bindTransaction(tx))),
    on: bindTransaction,
  };
}

function bindTransaction(tx: Tx<Schema>): TransactionStore {
  return {
    ...bind(tx.kysely),
    copyPredictions: (runNumber, predicted) => copyPredictions(tx, runNumber, predicted),
  };
}

function bind(kysely: Kysely<Schema>): Store {
  return {
    backbones: backbonesRepo(kysely),
    embeddings: embeddingsRepo(kysely),
    ensembles: ensemblesRepo(kysely),
    predictionRuns: predictionRunsRepo(kysely),
    predictions: predictionsRepo(kysely),
    announce: (name, payload) => addToOutbox(kysely, [eventMessage(name, payload)]),
    enqueue: (kind, runId, batches) => enqueueBatches(kysely, { service: 'inference', kind, runId, batches }),
    cancelBatches: (runId) => cancelBatches(kysely, runId),
  };
}
