export type { RpcCallOptions, RpcClient, RpcClientOptions } from './client.ts';
export { createRpcClient } from './client.ts';
export type { RpcServer, RpcServerOptions, WithPrincipal } from './server.ts';
export { startRpcServer } from './server.ts';
