export type { EnvReader } from './env.ts';
export { readEnv } from './env.ts';
