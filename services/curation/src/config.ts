import { readEnv, readPrepareEnv, readServiceEnv, type ServiceEnv } from '@florilegium/config';
import { defaultQueueRule } from './domain/review-queue.ts';

export interface Config extends ServiceEnv {
  catalogGrpc: string;
  fetcherGrpc: string;
  inferenceGrpc: string;
  /** file:///absolute/folder: where trainer's out-of-fold scores are read. */
  objectStore: string;
  /** Share of the unlabelled pages whose entropy counts as low. */
  entropyQuantile: number;
  /** Share of the review queue that is drawn by lot. */
  reviewRandomShare: number;
}

export function readConfig(variables: Record<string, string | undefined> = process.env): Readonly<Config> {
  const env = readEnv(variables);
  return env.done({
    ...readServiceEnv(env),
    catalogGrpc: env.string('CATALOG_GRPC'),
    fetcherGrpc: env.string('FETCHER_GRPC'),
    inferenceGrpc: env.string('INFERENCE_GRPC'),
    objectStore: env.url('OBJECT_STORE'),
    entropyQuantile: env.number('ENTROPY_QUANTILE', { default: 0.8, min: 0, max: 1 }),
    reviewRandomShare: env.number('REVIEW_RANDOM_SHARE', { default: defaultQueueRule.randomShare, min: 0, max: 1 }),
  });
}

/** What preparing the servers needs of the same variables. */
export function readPrepareConfig(variables: Record<string, string | undefined> = process.env) {
  const env = readEnv(variables);
  return env.done(readPrepareEnv(env));
}
