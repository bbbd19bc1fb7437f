import { readEnv } from '@florilegium/config';
import { type ServiceName, serviceNames } from './service-routes.ts';

export function readGatewayConfig(variables: Record<string, string | undefined> = process.env) {
  const env = readEnv(variables);
  return env.done({
    host: env.string('HTTP_HOST', '127.0.0.1'),
    port: env.int('HTTP_PORT', { min: 0, max: 65_535 }),
    logLevel: env.oneOf('LOG_LEVEL', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info'),
    /** Origins of the services. */
    urls: Object.fromEntries(serviceNames.map((name) => [name, env.url(`${name.toUpperCase()}_HTTP`)])) as Record<
      ServiceName,
      string
    >,
  });
}
