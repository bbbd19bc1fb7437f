import type { OutboxTable } from '@florilegium/db';
import type { Generated } from 'kysely';
import type { EmbeddingState } from './domain/embedding.ts';
import type { RunState } from './domain/prediction-run.ts';

export interface BackboneTable {
  id: Generated<number>;
  name: string;
  sha256: string;
  dimensions: number;
  created_at: Generated<Date>;
}

export interface ShardTable {
  id: Generated<number>;
  backbone_id: number;
  key: string;
  row_count: number;
  bytes: number;
  created_at: Generated<Date>;
}

export interface EmbeddingBatchTable {
  id: string;
  backbone_id: number;
  created_at: Generated<Date>;
}

export interface EmbeddingTable {
  backbone_id: number;
  page_id: number;
  image_sha256: string;
  state: EmbeddingState;
  batch_id: string | null;
  shard_id: number | null;
  row: number | null;
  reason: string | null;
}

export interface EnsembleTable {
  id: string;
  method: Generated<'probe' | 'finetune'>;
  training_id: string | null;
  label_set_id: string | null;
  iteration_id: string | null;
  manifest_key: string;
  manifest_sha256: string;
  backbone_name: string;
  backbone_sha256: string;
  member_count: number;
  temperature: number;
  recorded_at: Generated<Date>;
}

export interface PredictionRunTable {
  id: string;
  number: Generated<number>;
  ensemble_id: string;
  page_set_id: string | null;
  rule: string | null;
  state: Generated<RunState>;
  reason: Generated<string>;
  idempotency_key: string | null;
  done_count: Generated<number>;
  total_count: Generated<number>;
  predicted_count: Generated<number>;
  no_image_count: Generated<number>;
  created_at: Generated<Date>;
  started_at: Date | null;
  ended_at: Date | null;
}

export interface PredictionBatchTable {
  run_id: string;
  number: number;
  page_ids: number[];
}

export interface PredictionTable {
  run_number: number;
  page_id: number;
  members: number[];
  mean: number;
  entropy: number;
  disagreement: number;
  mutual_information: number;
}

export interface Schema extends OutboxTable {
  backbone: BackboneTable;
  shard: ShardTable;
  embedding_batch: EmbeddingBatchTable;
  embedding: EmbeddingTable;
  ensemble: EnsembleTable;
  prediction_run: PredictionRunTable;
  prediction_batch: PredictionBatchTable;
  prediction: PredictionTable;
}
