import { fileURLToPath } from 'node:url';

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

const serviceRoutes = {
  catalog: ['/v1/imports', '/v1/pages', '/v1/page-sets'],
  fetcher: ['/v1/fetch-runs', '/v1/images', '/iiif'],
  inference: ['/v1/prediction-runs', '/v1/predictions', '/v1/similar'],
  // The web UI, /docs and what nobody else knows.
  curation: ['/v1/labels', '/v1/iterations', '/v1/review-queues', '/v1/hq-lists', '/'],
  trainer: ['/v1/trainings'],
} as const;

export type ServiceName = keyof typeof serviceRoutes;

/** From left to right: each may call those before it. */
export const serviceNames = Object.keys(serviceRoutes) as ServiceName[];

/** The five services as programs of the stack. */
export const servicePrograms: readonly StackProgram[] = serviceNames.map((name) => ({
  name,
  main: fileURLToPath(new URL(`../../../services/${name}/src/main.ts`, import.meta.url)),
  gatewayPaths: [...serviceRoutes[name], `/v1/openapi/${name}.json`],
  ownsSchema: true,
  servesGrpc: true,
}));
