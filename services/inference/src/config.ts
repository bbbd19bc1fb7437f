import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { readEnv, readPrepareEnv, readServiceEnv, type ServiceEnv } from '@florilegium/config';
import { type ExecutionProvider, executionProviders } from './embedding/backbones.ts';

export interface Config extends ServiceEnv {
  /** Where embeddings are kept and models are read, `file:///absolute/folder`. */
  objectStoreUrl: string;
  catalogAddress: string;
  fetcherAddress: string;
  /** `auto`, `classic` or the name of a backbone, built in or described by a manifest in the folders below. */
  backbone: string;
  /** Folders that may hold weights and manifests, first to last. */
  modelFolders: readonly string[];
  modelCacheFolder: string;
  offline: boolean;
  executionProvider: ExecutionProvider;
  embeddingThreads: number;
  /** Embedding batches that this process works on at once. */
  embeddingBatchesInFlightMax: number;
  predictionBatchesInFlightMax: number;
  predictionPagesPerBatchMax: number;
  /** How long a prediction batch waits for embeddings in work. */
  embeddingWaitMs: number;
  /** A batch whose worker was silent for so long goes to another. */
  batchStaleMs: number;
}

export function readConfig(source: Record<string, string | undefined> = process.env): Config {
  const env = readEnv(source);
  const cacheFolder = env.string('FLORILEGIUM_CACHE', join(homedir(), '.cache', 'florilegium'));
  return env.done({
    ...readServiceEnv(env),
    objectStoreUrl: env.url('OBJECT_STORE'),
    catalogAddress: env.string('CATALOG_GRPC'),
    fetcherAddress: env.string('FETCHER_GRPC'),
    backbone: env.string('BACKBONE', 'auto'),
    modelFolders: env.string('FLORILEGIUM_MODELS', '').split(':').filter(Boolean),
    modelCacheFolder: join(cacheFolder, 'models'),
    offline: env.flag('FLORILEGIUM_OFFLINE', false),
    executionProvider: env.oneOf('EXECUTION_PROVIDER', executionProviders, 'cpu'),
    embeddingThreads: env.int('EMBEDDING_THREADS', { default: Math.min(2, availableParallelism()), min: 1, max: 64 }),
    embeddingBatchesInFlightMax: env.int('EMBEDDING_BATCHES_IN_FLIGHT_MAX', { default: 2, min: 1, max: 16 }),
    predictionBatchesInFlightMax: env.int('PREDICTION_BATCHES_IN_FLIGHT_MAX', { default: 4, min: 1, max: 16 }),
    predictionPagesPerBatchMax: env.int('PREDICTION_PAGES_PER_BATCH', { default: 10_000, min: 1, max: 50_000 }),
    embeddingWaitMs: env.int('EMBEDDING_WAIT_MS', { default: 600_000, min: 0, max: 86_400_000 }),
    batchStaleMs: env.int('BATCH_STALE_MS', { default: 12_000, min: 500, max: 600_000 }),
  });
}

/** What preparing the servers needs of the same variables. */
export function readPrepareConfig(variables: Record<string, string | undefined> = process.env) {
  const env = readEnv(variables);
  return env.done(readPrepareEnv(env));
}
