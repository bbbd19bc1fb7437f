export type { PrepareOptions } from './prepare-service.ts';
export { prepareService } from './prepare-service.ts';
export type { Lifetime, RunServiceOptions } from './run-service.ts';
export { runService } from './run-service.ts';
export { watchServers } from './watch-servers.ts';
