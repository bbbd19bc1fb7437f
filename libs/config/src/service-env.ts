import { type ApiKey, parseApiKeys } from '@florilegium/auth';
import type { EnvReader } from './env.ts';

/** What every service is told by its environment, under the stack and under the chart alike. */
export interface ServiceEnv {
  /** api serves and relays the outbox, worker only pulls work, all does both. */
  role: 'api' | 'worker' | 'all';
  httpHost: string;
  httpPort: number;
  grpcHost: string;
  grpcPort: number;
  /** Never logged: it holds a password. */
  databaseUrl: string;
  databasePoolMax: number;
  natsUrl: string;
  natsNamespace: string;
  natsReplicas: number;
  authRequired: boolean;
  apiKeys: ApiKey[];
  /** The key that this service shows to its neighbours. */
  serviceApiKey: string | undefined;
  logLevel: string;
  endWithParent: boolean;
  /** wait: somebody else brings the schema up to date, this process starts when it is. */
  migrations: 'apply' | 'wait';
}

/** Reads the variables that all services share; faults are kept in the reader for its `done`. */
export function readServiceEnv(env: EnvReader): ServiceEnv {
  return {
    role: env.oneOf('ROLE', ['api', 'worker', 'all'], 'all'),
    httpHost: env.string('HTTP_HOST', '127.0.0.1'),
    httpPort: env.int('HTTP_PORT', { min: 0, max: 65_535 }),
    grpcHost: env.string('GRPC_HOST', '127.0.0.1'),
    grpcPort: env.int('GRPC_PORT', { min: 0, max: 65_535 }),
    ...readPrepareEnv(env),
    databasePoolMax: env.int('DATABASE_POOL_MAX', { default: 10, min: 2, max: 200 }),
    authRequired: env.flag('AUTH', true),
    apiKeys: env.text('API_KEYS', parseApiKeys, []),
    serviceApiKey: env.optional('SERVICE_API_KEY'),
    logLevel: env.oneOf('LOG_LEVEL', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info'),
    endWithParent: env.flag('EXIT_WITH_PARENT', false),
    migrations: env.oneOf('MIGRATIONS', ['apply', 'wait'], 'apply'),
  };
}

/** Those of them that say where PostgreSQL and NATS are. */
export function readPrepareEnv(
  env: EnvReader,
): Pick<ServiceEnv, 'databaseUrl' | 'natsUrl' | 'natsNamespace' | 'natsReplicas'> {
  return {
    databaseUrl: env.url('DATABASE_URL'),
    natsUrl: env.string('NATS_URL'),
    natsNamespace: env.string('NATS_NAMESPACE', 'florilegium'),
    natsReplicas: env.int('NATS_REPLICAS', { default: 1, min: 1, max: 5 }),
  };
}
