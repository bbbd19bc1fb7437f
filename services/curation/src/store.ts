import { addToOutbox, type Db, type OutboxMessage, type Tx } from '@florilegium/db';
import { enqueueBatches } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';
import { auditsRepo } from './repos/audits.repo.ts';
import { hqListStoriesRepo } from './repos/hq-list-stories.repo.ts';
import { hqListsRepo } from './repos/hq-lists.repo.ts';
import { iterationsRepo } from './repos/iterations.repo.ts';
import { labelSetsRepo } from './repos/label-sets.repo.ts';
import { labelsRepo } from './repos/labels.repo.ts';
import { pagesRepo } from './repos/pages.repo.ts';
import { predictionsRepo } from './repos/predictions.repo.ts';
import { triageRepo } from './repos/triage.repo.ts';
import type { Schema } from './schema.ts';

/** Long work of this service, by what it does to the run (an iteration or a list) whose id it carries. */
export const workKinds = [
  'import-scores',
  'predict',
  'collect',
  'predict-list',
  'freeze-list',
  'describe-list',
  'store-list',
] as const;
export type WorkKind = (typeof workKinds)[number];

const bind = (kysely: Kysely<Schema>) => ({
  labels: labelsRepo(kysely),
  labelSets: labelSetsRepo(kysely),
  iterations: iterationsRepo(kysely),
  pages: pagesRepo(kysely),
  predictions: predictionsRepo(kysely),
  triage: triageRepo(kysely),
  hqLists: hqListsRepo(kysely),
  hqListStories: hqListStoriesRepo(kysely),
  audits: auditsRepo(kysely),
});

export type Repos = ReturnType<typeof bind>;

/** The repos on one transaction, with what must leave together with it. */
export interface TxStore extends Repos {
  emit(messages: readonly OutboxMessage[]): Promise<void>;
  enqueue(kind: WorkKind, runId: string, numbers: readonly number[]): Promise<void>;
  /** Queues batches again that have ended; those that are still to do stay as they are. */
  restart(kind: WorkKind, runId: string, numbers: readonly number[]): Promise<void>;
  /**
   * Labels are recorded side by side (`shared`); freezing a label set and drawing an audit take a moment for themselves (`alone`), so that no
   * label lands between what they read and what they write.
   */
  lockLabels(how: 'shared' | 'alone'): Promise<void>;
}

export interface Store extends Repos {
  inTransaction<Result>(work: (tx: TxStore) => Promise<Result>): Promise<Result>;
}

// Any constant will do as long as nothing else of this service takes it.
const labelsLock = 7_261_001;

export function storeOn({ kysely }: Pick<Tx<Schema>, 'kysely'>): TxStore {
  return {
    ...bind(kysely),
    emit: (messages) => addToOutbox(kysely, messages),
    enqueue: (kind, runId, numbers) =>
      enqueueBatches(kysely, { service: 'curation', kind, runId, batches: numbers.map((number) => ({ number })) }),
    restart: async (kind, runId, numbers) => {
      await sql`
        delete from work_batch
        where run_id = ${runId} and kind = ${kind} and number = any(${numbers}::int[])
          and state in ('done', 'failed', 'cancelled')`.execute(kysely);
      await enqueueBatches(kysely, {
        service: 'curation',
        kind,
        runId,
        batches: numbers.map((number) => ({ number })),
      });
    },
    lockLabels: async (how) => {
      await (how === 'alone'
        ? sql`select pg_advisory_xact_lock(${labelsLock})`
        : sql`select pg_advisory_xact_lock_shared(${labelsLock})`
      ).execute(kysely);
    },
  };
}

export function createStore(db: Db<Schema>): Store {
  return {
    ...bind(db.kysely),
    inTransaction: (work) => db.inTransaction((tx) => work(storeOn(tx))),
  };
}
