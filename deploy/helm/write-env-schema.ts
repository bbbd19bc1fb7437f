// Writes into values.schema.json which variables of its own each service knows (`services.<name>.env`), as its src/config.ts reads them.
// Run it after a change there; tests/deploy says when it was forgotten. Usage: node deploy/helm/write-env-schema.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Variables that the chart sets itself, from values of its own. */
export const chartVariables = [
  'ROLE',
  'MIGRATIONS',
  'LOG_LEVEL',
  'HTTP_HOST',
  'HTTP_PORT',
  'GRPC_HOST',
  'GRPC_PORT',
  'DATABASE_URL',
  'DATABASE_POOL_MAX',
  'NATS_URL',
  'NATS_NAMESPACE',
  'NATS_REPLICAS',
  'AUTH',
  'API_KEYS',
  'SERVICE_API_KEY',
  'OBJECT_STORE',
  'CATALOG_GRPC',
  'FETCHER_GRPC',
  'INFERENCE_GRPC',
  'CURATION_GRPC',
];

/** Variables that no chart should set: for children of `npm start`. */
export const unsettableVariables = ['EXIT_WITH_PARENT'];

/** Variables of Node itself that may be set for any service. */
export const nodeVariables = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'UV_THREADPOOL_SIZE'];

export const services = ['catalog', 'fetcher', 'inference', 'curation', 'trainer'];

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8');

/** Each variable that a service reads, with the reader that its config.ts takes for it. */
export function variablesOf(service: string): Map<string, string> {
  const text = ['libs/config/src/service-env.ts', `services/${service}/src/config.ts`].map(read).join('\n');
  const reads = text.matchAll(/\benv\s*\.(\w+)\(\s*'([A-Z][A-Z0-9_]*)'/g);
  return new Map([...reads].map(([, reader, name]) => [name!, reader!]));
}

const types: Record<string, string[]> = {
  int: ['integer', 'string'],
  number: ['number', 'string'],
  flag: ['boolean', 'string'],
};

/** The JSON Schema of `services.<service>.env`. */
export function envSchemaOf(service: string): object {
  const own = [...variablesOf(service), ...nodeVariables.map((name) => [name, 'string'] as const)]
    .filter(([name]) => !chartVariables.includes(name) && !unsettableVariables.includes(name))
    .toSorted(([a], [b]) => a.localeCompare(b));
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(own.map(([name, reader]) => [name, { type: types[reader] ?? 'string' }])),
  };
}

if (import.meta.main ?? process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = `${root}/deploy/helm/florilegium/values.schema.json`;
  const schema = JSON.parse(readFileSync(path, 'utf8'));
  for (const service of services) schema.definitions[`env-${service}`] = envSchemaOf(service);
  writeFileSync(path, `${JSON.stringify(schema, null, 2)}\n`);
}
