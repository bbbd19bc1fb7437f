export { freePort } from './free-port.ts';
export type { ExitStatus } from './guarded-process.ts';
export { cacheFolder, findNatsServer, type NatsOptions, type RunningNats, startNats } from './nats-server.ts';
export { type PostgresOptions, type RunningPostgres, startPostgres } from './postgres.ts';
