import { readEnv, readPrepareEnv, readServiceEnv } from '@florilegium/config';
import { tensorflowBackends } from '@florilegium/ensemble';

export type Config = ReturnType<typeof readConfig>;

/** Throws invalid_argument naming every variable that is missing or bad. */
export function readConfig(environment: Record<string, string | undefined> = process.env) {
  const env = readEnv(environment);
  return env.done({
    ...readServiceEnv(env),
    objectStore: env.url('OBJECT_STORE'),
    catalogGrpc: env.string('CATALOG_GRPC'),
    fetcherGrpc: env.string('FETCHER_GRPC'),
    inferenceGrpc: env.string('INFERENCE_GRPC'),
    curationGrpc: env.string('CURATION_GRPC'),
    tensorflowBackend: env.oneOf('TENSORFLOW_BACKEND', ['auto', ...tensorflowBackends], 'auto'),
    /** Threads that multiply, and members in work at once on this worker. */
    computeThreads: env.int('COMPUTE_THREADS', { default: 1, min: 1, max: 64 }),
    /** A page of 1,400 dimensions takes 3 KB in the dataset and 6 KB in the thread. */
    labelsMax: env.int('LABELS_MAX', { default: 20_000, min: 4, max: 200_000 }),
    embeddingWaitMs: env.int('EMBEDDING_WAIT_MS', { default: 120_000, min: 1000, max: 3_600_000 }),
    /** Pixels of a label set, for `finetune`: 150 KB a page at side 224, twice that in memory while a member starts. */
    imageDatasetBytesMax: env.int('IMAGE_DATASET_BYTES_MAX', { default: 2 ** 30, min: 1, max: 2 ** 36 }),
    checkpointEveryMs: env.int('CHECKPOINT_EVERY_MS', { default: 60_000, min: 0, max: 3_600_000 }),
    codeVersion: env.string('CODE_VERSION', '0.1.0'),
  });
}

/** What preparing the servers needs of the same variables. */
export function readPrepareConfig(variables: Record<string, string | undefined> = process.env) {
  const env = readEnv(variables);
  return env.done(readPrepareEnv(env));
}
