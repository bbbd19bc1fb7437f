import type { EventName, EventPayload } from '@florilegium/contracts';
import { addToOutbox, type Db, type Tx } from '@florilegium/db';
import { eventMessage } from '@florilegium/messaging';
import { type BatchPlan, cancelBatches, enqueueBatches, retryFailedBatches } from '@florilegium/work';
import { type Kysely, sql } from 'kysely';
import { type FetchIdsRepo, fetchIdsRepo } from './repos/fetch-ids.repo.ts';
import { type FetchPagesRepo, fetchPagesRepo } from './repos/fetch-pages.repo.ts';
import { type FetchRunsRepo, fetchRunsRepo } from './repos/fetch-runs.repo.ts';
import { type ImagesRepo, imagesRepo } from './repos/images.repo.ts';
import type { Schema } from './schema.ts';

/**
 * Kinds of work batches: `list` reads a run's pages from the catalog (one a run), `fetch` fetches some of them, `demand` fetches one page that
 * somebody waits for and has a queue of its own, so that it passes by long runs.
 */
export const workKinds = ['list', 'fetch', 'demand'] as const;
export type WorkKind = (typeof workKinds)[number];

/** The repos of this service, its outbox and its work queue, all on one connection or one transaction. */
export interface Store {
  fetchRuns: FetchRunsRepo;
  fetchPages: FetchPagesRepo;
  fetchIds: FetchIdsRepo;
  images: ImagesRepo;
  announce<Name extends EventName>(name: Name, payload: EventPayload<Name>): Promise<void>;
  enqueue(kind: WorkKind, runId: string, batches: readonly BatchPlan[]): Promise<void>;
  cancelBatches(runId: string): Promise<void>;
  retryFailedBatches(runId: string): Promise<void>;
  /** Batches that wait or are in work, and how long the one that is due longest has waited. */
  countQueue(): Promise<QueueLag[]>;
}

export interface QueueLag {
  kind: WorkKind;
  pending: number;
  running: number;
  oldestSeconds: number;
}

export interface RootStore extends Store {
  inTransaction<Result>(work: (store: Store) => Promise<Result>): Promise<Result>;
  /** The same on a transaction that somebody else has begun. */
  on(tx: Tx<Schema>): Store;
}

export function createStore(db: Db<Schema>): RootStore {
  return {
    ...bind(db.kysely),
    inTransaction: (work) => db.inTransaction((tx) => work(bind(tx.kysely))),
    on: (tx) => bind(tx.kysely),
  };
}

function bind(kysely: Kysely<Schema>): Store {
  return {
    fetchRuns: fetchRunsRepo(kysely),
    fetchPages: fetchPagesRepo(kysely),
    fetchIds: fetchIdsRepo(kysely),
    images: imagesRepo(kysely),
    announce: (name, payload) => addToOutbox(kysely, [eventMessage(name, payload)]),
    enqueue: (kind, runId, batches) => enqueueBatches(kysely, { service: 'fetcher', kind, runId, batches }),
    cancelBatches: (runId) => cancelBatches(kysely, runId),
    countQueue: async () => {
      const { rows } = await sql<QueueLag>`
        select kind, (count(*) filter (where state = 'pending'))::int as pending,
          (count(*) filter (where state = 'running'))::int as running,
          coalesce(max(extract(epoch from now() - greatest(queued_at, not_before)))
            filter (where state = 'pending' and coalesce(not_before, '-infinity') <= now()), 0)::float8 as "oldestSeconds"
        from work_batch where state in ('pending', 'running') group by kind`.execute(kysely);
      return rows;
    },
    retryFailedBatches: async (runId) => {
      await retryFailedBatches(kysely, 'fetcher', runId);
    },
  };
}
