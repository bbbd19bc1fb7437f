export type { EnvReader } from './env.ts';
export { readEnv } from './env.ts';
export type { ServiceEnv } from './service-env.ts';
export { readPrepareEnv, readServiceEnv } from './service-env.ts';
