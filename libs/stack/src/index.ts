export { freePort } from './free-port.ts';
export type { ExitStatus } from './guarded-process.ts';
export { type NatsOptions, type RunningNats, startNats } from './nats-server.ts';
export { type PostgresOptions, pingPostgres, type RunningPostgres, startPostgres } from './postgres.ts';
export { prepareChromium } from './prepare-chromium.ts';
export { type ServiceName, type StackProgram, serviceNames, servicePrograms } from './service-programs.ts';
export { type RunningStack, type StackOptions, startStack } from './start-stack.ts';
export { stopSignal } from './stop-signal.ts';
