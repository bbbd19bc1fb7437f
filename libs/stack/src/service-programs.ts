import { fileURLToPath } from 'node:url';
import { type ServiceName, serviceNames, serviceRoutes } from '@florilegium/gateway';

export { type ServiceName, serviceNames };

/** A program that the stack runs beside PostgreSQL, NATS and the gateway. */
export interface StackProgram {
  /** Names its log, its ports and, with `ownsSchema`, its role and schema. */
  name: string;
  /** Absolute path of the program, run by the node that runs us. */
  main: string;
  args?: readonly string[];
  env?: Record<string, string>;
  /** Address paths that the gateway sends to it, each with everything below. */
  gatewayPaths?: readonly string[];
  /** Gets DATABASE_URL with a role and schema of its own name. */
  ownsSchema?: boolean;
  /** Gets GRPC_PORT, and programs after it in the list get <NAME>_GRPC. */
  servesGrpc?: boolean;
  /** Answers 200 when the program is ready. */
  readyPath?: string;
}

/** The five services as programs of the stack. */
export const servicePrograms: readonly StackProgram[] = serviceNames.map((name) => ({
  name,
  main: fileURLToPath(new URL(`../../../services/${name}/src/main.ts`, import.meta.url)),
  gatewayPaths: serviceRoutes[name],
  ownsSchema: true,
  servesGrpc: true,
}));
