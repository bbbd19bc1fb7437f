import type { EventName, EventPayload } from '@florilegium/contracts';
import { addToOutbox, type Db, type Tx } from '@florilegium/db';
import { eventMessage } from '@florilegium/messaging';
import { type BatchPlan, cancelBatches, enqueueBatches } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';
import { type TrainingsRepo, trainingsRepo } from './repos/trainings.repo.ts';
import type { Schema } from './schema.ts';

export const service = 'trainer';

/** The three kinds of work a training is made of, in this order. */
export const workKinds = ['prepare', 'member', 'finish'] as const;
export type WorkKind = (typeof workKinds)[number];

/** What one transaction may do: rows, work and events leave together. */
export interface Unit {
  trainings: TrainingsRepo;
  enqueue(kind: WorkKind, trainingId: string, batches: readonly BatchPlan[]): Promise<void>;
  cancelWork(trainingId: string): Promise<void>;
  announce<Name extends EventName>(name: Name, payload: EventPayload<Name>): Promise<void>;
}

export interface Store {
  trainings: TrainingsRepo;
  /** Rejects when the database does not answer. */
  check(): Promise<unknown>;
  inTransaction<Result>(work: (unit: Unit) => Promise<Result>): Promise<Result>;
}

export function createStore(db: Db<Schema>): Store {
  return {
    trainings: trainingsRepo(db.kysely),
    check: () => sql`select 1`.execute(db.kysely),
    inTransaction: (work) => db.inTransaction((tx) => work(unitOn(tx))),
  };
}

export function unitOn({ kysely }: Pick<Tx<Schema>, 'kysely'>): Unit {
  return {
    trainings: trainingsRepo(kysely as Kysely<Schema>),
    enqueue: (kind, runId, batches) => enqueueBatches(kysely, { service, kind, runId, batches }),
    cancelWork: (trainingId) => cancelBatches(kysely, trainingId),
    announce: (name, payload) => addToOutbox(kysely, [eventMessage(name, payload)]),
  };
}
