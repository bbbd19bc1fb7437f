import type { Db, Tx } from '@florilegium/db';
import type { Kysely } from 'kysely';
import { type CandidateRulesRepo, candidateRulesRepo } from './repos/candidate-rules.repo.ts';
import type { MergeCounts } from './repos/imports.repo.ts';
import { type ImportsRepo, importsRepo } from './repos/imports.repo.ts';
import { addPageSet, type NewPageSet, type PageSetsRepo, pageSetsRepo } from './repos/page-sets.repo.ts';
import { type PagesRepo, pagesRepo } from './repos/pages.repo.ts';
import {
  dropEndedStaging,
  type MergeOptions,
  mergeStaging,
  type StagingRepo,
  stagingRepo,
} from './repos/staging.repo.ts';
import type { CatalogSchema } from './schema.ts';

export interface Repos {
  imports: ImportsRepo;
  pages: PagesRepo;
  rules: CandidateRulesRepo;
  pageSets: PageSetsRepo;
}

/** The repos on a transaction, with what can only be done in one. */
export interface TxRepos extends Repos {
  tx: Tx<CatalogSchema>;
  addPageSet(set: NewPageSet): Promise<boolean>;
  mergeStaging(options: MergeOptions): Promise<MergeCounts>;
}

export interface Store extends Repos {
  inTransaction<Result>(work: (repos: TxRepos) => Promise<Result>): Promise<Result>;
  on(tx: Tx<CatalogSchema>): TxRepos;
  staging(importId: string, attempt: number): StagingRepo;
  dropEndedStaging(): Promise<void>;
}

export function createStore(db: Db<CatalogSchema>): Store {
  return {
    ...reposOn(db.kysely),
    on: onTransaction,
    inTransaction: (work) => db.inTransaction((tx) => work(onTransaction(tx))),
    staging: (importId, attempt) => stagingRepo(db, importId, attempt),
    dropEndedStaging: () => dropEndedStaging(db),
  };
}

function onTransaction(tx: Tx<CatalogSchema>): TxRepos {
  return {
    ...reposOn(tx.kysely),
    tx,
    addPageSet: (set) => addPageSet(tx, set),
    mergeStaging: (options) => mergeStaging(tx.kysely, options),
  };
}

function reposOn(kysely: Kysely<CatalogSchema>): Repos {
  return {
    imports: importsRepo(kysely),
    pages: pagesRepo(kysely),
    rules: candidateRulesRepo(kysely),
    pageSets: pageSetsRepo(kysely),
  };
}
