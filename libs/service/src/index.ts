export type { Lifetime, RunServiceOptions } from './run-service.ts';
export { runService } from './run-service.ts';
