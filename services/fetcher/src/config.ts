import { defaultImageSources, type ImageSource, parseImageSources } from '@florilegium/bhl';
import { readEnv, readPrepareEnv, readServiceEnv, type ServiceEnv } from '@florilegium/config';
import { defaultRetryLimits, type RetryLimits } from './domain/page-state.ts';

export interface Config extends ServiceEnv {
  /** Where images are kept, `file:///absolute/folder` or `s3://bucket/prefix?…`. */
  objectStoreUrl: string;
  catalogAddress: string;
  sources: readonly ImageSource[];
  placeholderSha256s: readonly string[];
  /** Goes into the User-Agent. */
  contact: string;
  imageBytesMax: number;
  imagePixelsMax: number;
  /** Batches that this process works on at once. */
  batchesInFlightMax: number;
  /** Pages of one batch that are fetched at once. */
  pagesInFlightMax: number;
  pagesPerBatch: number;
  retryLimits: RetryLimits;
  /** Decode each image that was fetched to its last pixel before it is stored. */
  decodeImages: boolean;
  /** How long a request for an image that has to be fetched is kept waiting. */
  demandWaitMs: number;
  /** Pixels of the largest image made for the IIIF Image API. */
  iiifPixelsMax: number;
  rendersInFlightMax: number;
  /** Origin that addresses in answers begin with; undefined for the one that the request came to. */
  publicUrl: string | undefined;
  /** A batch whose worker was silent for so long goes to another. */
  batchStaleMs: number;
}

export function readConfig(variables: Record<string, string | undefined> = process.env): Readonly<Config> {
  const env = readEnv(variables);
  return env.done({
    ...readServiceEnv(env),
    objectStoreUrl: env.url('OBJECT_STORE'),
    catalogAddress: env.string('CATALOG_GRPC'),
    sources: env.text('SOURCES', parseImageSources, [...defaultImageSources]),
    placeholderSha256s: env.text('PLACEHOLDER_SHA256S', parseHashes, []),
    contact: env.string('CONTACT', 'none given'),
    imageBytesMax: env.int('IMAGE_BYTES_MAX', { default: 64 * 1024 * 1024, min: 1024, max: 1024 ** 3 }),
    imagePixelsMax: env.int('IMAGE_PIXELS_MAX', { default: 200_000_000, min: 10_000 }),
    batchesInFlightMax: env.int('BATCHES_IN_FLIGHT_MAX', { default: 2, min: 1, max: 64 }),
    pagesInFlightMax: env.int('PAGES_IN_FLIGHT_MAX', { default: 16, min: 1, max: 256 }),
    pagesPerBatch: env.int('PAGES_PER_BATCH', { default: 100, min: 1, max: 500 }),
    retryLimits: {
      ...defaultRetryLimits,
      faultsMax: env.int('PAGE_FAULTS_MAX', { default: defaultRetryLimits.faultsMax, min: 1, max: 50 }),
      delayMs: env.int('RETRY_DELAY_MS', { default: defaultRetryLimits.delayMs, min: 1, max: 600_000 }),
    },
    decodeImages: env.oneOf('DECODE_IMAGES', ['on', 'off'], 'off') === 'on',
    demandWaitMs: env.int('DEMAND_WAIT_MS', { default: 10_000, min: 0, max: 30_000 }),
    iiifPixelsMax: env.int('IIIF_PIXELS_MAX', { default: 25_000_000, min: 10_000 }),
    rendersInFlightMax: env.int('RENDERS_IN_FLIGHT_MAX', { default: 2, min: 1, max: 64 }),
    publicUrl: env.text('PUBLIC_URL', parseOrigin, undefined),
    batchStaleMs: env.int('BATCH_STALE_MS', { default: 12_000, min: 500, max: 600_000 }),
  });
}

/** What the check of table and store needs of the same variables. */
export function readCheckConfig(variables: Record<string, string | undefined> = process.env) {
  const env = readEnv(variables);
  return env.done({
    databaseUrl: env.url('DATABASE_URL'),
    objectStoreUrl: env.url('OBJECT_STORE'),
    logLevel: env.string('LOG_LEVEL', 'info'),
  });
}

function parseOrigin(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) throw new Error('PUBLIC_URL is no http or https address');
  return new URL(text).origin;
}

function parseHashes(text: string): string[] {
  const hashes = text.split(',').map((hash) => hash.trim().toLowerCase());
  if (!hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash)))
    throw new Error('PLACEHOLDER_SHA256S is not SHA-256 hashes in hex, separated by commas');
  return hashes;
}

/** What preparing the servers needs of the same variables. */
export function readPrepareConfig(variables: Record<string, string | undefined> = process.env) {
  const env = readEnv(variables);
  return env.done(readPrepareEnv(env));
}
