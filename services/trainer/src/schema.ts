import type { Scores } from '@florilegium/ensemble/arithmetic';
import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { DroppedPage, TrainingPhase, TrainingState } from './domain/training.ts';

export interface TrainingTable {
  id: string;
  request_key: string | null;
  label_set_id: string;
  iteration_id: string | null;
  method: string;
  parameters: JSONColumnType<Record<string, unknown>>;
  parameters_sha256: string;
  parent_ensemble_id: string | null;
  member_count: number;
  state: Generated<TrainingState>;
  phase: Generated<TrainingPhase>;
  reason: string | null;
  label_set_sha256: string | null;
  page_count: number | null;
  dropped_page_count: Generated<number>;
  dataset_key: string | null;
  dataset_sha256: string | null;
  images_key: string | null;
  images_sha256: string | null;
  dropped_pages: ColumnType<DroppedPage[], string | undefined, string>;
  backbone_name: string | null;
  backbone_sha256: string | null;
  tensorflow_backend: string | null;
  l2: number | null;
  l2_tried: ColumnType<{ l2: number; logLoss: number }[] | null, string | undefined, string>;
  ensemble_id: string;
  manifest_key: string | null;
  manifest_sha256: string | null;
  out_of_fold_key: string | null;
  out_of_fold_sha256: string | null;
  temperature: number | null;
  scores: ColumnType<Scores | null, string | undefined, string>;
  created_at: Generated<Date>;
  started_at: Date | null;
  ended_at: Date | null;
  weights_cleared: Generated<boolean>;
}

export interface TrainingMemberTable {
  training_id: string;
  number: number;
  weights_key: string;
  weights_sha256: string;
  logits_key: string;
  logits_sha256: string;
  loss: number;
  epochs: number;
  converged: boolean;
  warm_started: boolean;
  seconds: number;
  tensorflow_backend: string;
  attempt: number;
  resumed_at_step: Generated<number>;
}

export interface TrainingEpochTable {
  training_id: string;
  member: number;
  epoch: number;
  loss: number;
  stop_loss: number | null;
  serial: Generated<number>;
}

export interface Schema {
  training: TrainingTable;
  training_member: TrainingMemberTable;
  training_epoch: TrainingEpochTable;
  cancelled_iteration: { iteration_id: string; created_at: Generated<Date> };
}
