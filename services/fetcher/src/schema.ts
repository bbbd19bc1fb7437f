import type { ImageFormat, ImageSize } from '@florilegium/bhl';
import type { OutboxTable } from '@florilegium/db';
import type { Generated } from 'kysely';
import type { RunState } from './domain/fetch-run.ts';
import type { PageState } from './domain/page-state.ts';

export interface FetchRunTable {
  id: string;
  idempotency_key: string | null;
  state: Generated<RunState>;
  reason: string | null;
  size: ImageSize;
  page_set_id: string | null;
  rule: string | null;
  page_ids: number[] | null;
  start_index: number;
  max_count: number;
  listed_after: Generated<number>;
  skipped_count: Generated<number>;
  listed_count: Generated<number>;
  is_listed: Generated<boolean>;
  next_batch: Generated<number>;
  stored_count: Generated<number>;
  failed_count: Generated<number>;
  fetched_count: Generated<number>;
  bytes: Generated<number>;
  created_at: Generated<Date>;
  started_at: Date | null;
  ended_at: Date | null;
  paused_at: Date | null;
  paused_ms: Generated<number>;
  in_flight_max: number | null;
  on_demand: Generated<boolean>;
  /** Of the ids that a caller streamed, in the order they came. */
  ids_sha256: string | null;
  id_count: Generated<number>;
  retry_at_count: Generated<number>;
  missing_count: Generated<number>;
  placeholder_count: Generated<number>;
  corrupt_count: Generated<number>;
  blocked_count: Generated<number>;
}

export interface FetchPageTable {
  run_id: string;
  page_id: number;
  batch_number: number;
  bar_code: string;
  sequence: number;
  state: Generated<PageState>;
  faults: Generated<number>;
  corrupt_rounds: Generated<number>;
  waits: Generated<number>;
  retry_at: Date | null;
  detail: Generated<string>;
}

export interface FetchIdTable {
  run_id: string;
  page_id: number;
}

export interface ImageTable {
  page_id: number;
  size: ImageSize;
  state: Exclude<PageState, 'pending'>;
  detail: Generated<string>;
  sha256: string | null;
  format: ImageFormat | null;
  width: number | null;
  height: number | null;
  bytes: number | null;
  source: string | null;
  fetched_at: Date | null;
  /** Hash of bytes that looked whole and could not be decoded; they are not stored again. */
  rejected_sha256: string | null;
}

export interface Schema extends OutboxTable {
  fetch_run: FetchRunTable;
  fetch_page: FetchPageTable;
  fetch_id: FetchIdTable;
  image: ImageTable;
}
