import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type Authenticator, type Principal, type Role, refuseForeignPage, roles } from '@florilegium/auth';
import {
  AppError,
  codeOfHttpStatus,
  httpStatusOf,
  invalidArgument,
  messageOf,
  notFound,
  toAppError,
} from '@florilegium/errors';
import { checkedRequestId, inLogContext, type Log } from '@florilegium/log';
import Ajv from 'ajv';
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import { collectDefaultMetrics, Histogram, register } from 'prom-client';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The role that the route needs; `public` for probes, metrics and pages that show nothing of the data. Every route names one. */
    role?: Role | 'public';
  }
  interface FastifyRequest {
    /** Who calls; set on every route that needs a role. */
    principal: Principal;
  }
  interface FastifyInstance {
    /** Aborted when the app begins to close: event streams end then. */
    closing: AbortSignal;
  }
}

export interface HttpAppOptions {
  service: string;
  /** For the OpenAPI document. */
  title: string;
  description: string;
  version?: string;
  authenticator: Authenticator;
  log: Log;
  /** Each must resolve for /readyz to answer 200. */
  readiness: Record<string, () => Promise<unknown>>;
  /** Told by /readyz beside them, and no reason for 503: what the service can do without for a while. */
  shown?: Record<string, () => Promise<unknown>>;
  bodyBytesMax?: number;
  /** How long answers under way may take when the app closes. */
  drainTimeoutMs?: number;
  /** Routes under these paths are public although they name no role: those of plugins that cannot name one and show nothing of the data. */
  publicPrefixes?: readonly string[];
}

export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/**
 * The Fastify app of a service: TypeBox schemas, a role per route, problem+json (RFC 9457) for every error, OpenAPI 3.1 at
 * /v1/openapi/<service>.json, /metrics (not through a proxy), /livez and /readyz. Routes are added by the caller before `listen`.
 */
export async function createHttpApp({
  service,
  title,
  description,
  version = '0.1.0',
  authenticator,
  log,
  readiness,
  shown = {},
  bodyBytesMax = 4 << 20,
  drainTimeoutMs = 8000,
  publicPrefixes = [],
}: HttpAppOptions): Promise<HttpApp> {
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyBytesMax,
    // The gateway or Ingress in front tells by which host it was asked; nobody outside a private network is believed.
    trustProxy: ['loopback', 'linklocal', 'uniquelocal'],
    // Fastify's own requestIdHeader takes whatever comes.
    genReqId: (request) => checkedRequestId(request.headers['x-request-id']) ?? crypto.randomUUID(),
    connectionTimeout: 0,
    requestTimeout: 60_000,
    // Requests that are being answered may end; those that come meanwhile by an open connection are answered, too.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
  }).withTypeProvider<TypeBoxTypeProvider>();

  // Texts of addresses become numbers where the schema says so; a body must have the right types as it is.
  const ajvOptions = {
    removeAdditional: false,
    useDefaults: true,
    allErrors: false,
    allowUnionTypes: true,
    strict: false,
  } as const;
  const lenient = new Ajv.default({ ...ajvOptions, coerceTypes: 'array' });
  const strict = new Ajv.default(ajvOptions);
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? strict : lenient).compile(schema as object),
  );

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
    },
    hideUntagged: false,
  });

  const closing = new AbortController();
  app.decorate('closing', closing.signal);
  app.addHook('preClose', async () => {
    closing.abort();
    // A download that takes longer is cut: its reader asks again elsewhere.
    setTimeout(() => app.server.closeAllConnections(), drainTimeoutMs).unref();
  });
  app.addHook('onRequest', (request, _reply, done) => inLogContext({ requestId: request.id }, done));

  app.decorateRequest('principal');
  app.addHook('onRoute', (route) => {
    if (publicPrefixes.some((prefix) => route.url === prefix || route.url.startsWith(`${prefix}/`)))
      route.config = { role: 'public', ...route.config };
    const role = route.config?.role;
    if (role === undefined || (role !== 'public' && !roles.includes(role)))
      throw new Error(`${route.method} ${route.url} names no role`);
    if (role === 'public') route.schema = { hide: true, ...route.schema };
    else {
      const needs = `Needs the role \`${role}\`.`;
      const told = route.schema?.description;
      // Fastify adds a HEAD route to each GET with the same schema: say it once.
      route.schema = {
        tags: [service],
        ...route.schema,
        description: told?.includes(needs) ? told : [told, needs].filter(Boolean).join(' '),
      };
    }
  });
  app.addHook('onRequest', async (request) => {
    const role = request.routeOptions.config.role;
    // An unknown address has no role and ends in 404.
    if (!role || role === 'public') return;
    if (!authenticator.required && request.headers.authorization === undefined)
      refuseForeignPage({
        method: request.method,
        headers: request.headers,
        localAddress: request.socket.localAddress,
      });
    request.principal = authenticator.authorize(request.headers.authorization, role);
  });
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
    if (closing.signal.aborted) reply.header('connection', 'close');
    if (!reply.hasHeader('x-content-type-options')) reply.header('x-content-type-options', 'nosniff');
  });
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(notFound('address', request.url.split('?')[0]!), request, reply),
  );

  measure(app);
  const open = { config: { role: 'public' as const } };
  app.get('/livez', open, async () => ({ status: 'ok' }));
  app.get('/readyz', open, async (_request, reply) => {
    if (closing.signal.aborted) return reply.code(503).send({ status: 'stopping', checks: {} });
    const look = async ([name, check]: [string, () => Promise<unknown>]) => {
      const state = await check().then(
        () => 'ok',
        (error: unknown) => {
          // Anybody may ask: what is away is told, where it stands and why goes to the log.
          log.warn({ check: name, reason: messageOf(error) }, name in readiness ? 'not ready' : 'away');
          return 'away';
        },
      );
      return [name, state] as const;
    };
    const checks = Object.fromEntries(await Promise.all(Object.entries({ ...shown, ...readiness }).map(look)));
    const ready = Object.keys(readiness).every((name) => checks[name] === 'ok');
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'not ready', checks });
  });
  app.get('/metrics', open, async ({ headers }, reply) => {
    // Prometheus asks the process itself. An Ingress or the gateway, which both say for whom they ask, leads here from the Internet.
    if (headers['x-forwarded-for'] ?? headers['x-forwarded-host']) throw notFound('address', '/metrics');
    return reply.type(register.contentType).send(await register.metrics());
  });
  app.get(`/v1/openapi/${service}.json`, open, async () => app.swagger());
  return app;
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = fromFastify(error);
  const status = httpStatusOf(known.code);
  if (status >= 500)
    request.log.error(
      { requestId: request.id, method: request.method, url: request.url.split('?')[0], err: error },
      'request failed',
    );
  // Whatever the route said of the answer that it did not come to: an error is nothing to keep.
  reply.removeHeader('etag').removeHeader('last-modified').header('cache-control', 'no-store');
  if (known.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(known.retryAfterMs / 1000));
  if (known.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: 'about:blank',
      title: known.code.replaceAll('_', ' '),
      status,
      detail: known.message,
      code: known.code,
      ...(known.field === undefined ? {} : { field: known.field }),
      ...(known.details === undefined ? {} : { details: known.details }),
      requestId: request.id,
    });
}

/** Fastify's own errors (schema, body size, media type) as ours. */
function fromFastify(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { validation, validationContext, statusCode, message } = error as FastifyError;
  const fault = validation?.[0];
  if (fault) {
    const extra = (fault.params as { additionalProperty?: string; missingProperty?: string }).additionalProperty;
    const missing = (fault.params as { missingProperty?: string }).missingProperty;
    const path = [fault.instancePath.slice(1).replaceAll('/', '.'), extra ?? missing].filter(Boolean).join('.');
    const allowed = (fault.params as { allowedValues?: unknown[] }).allowedValues;
    const text = `${validationContext ?? 'request'}${path ? `.${path}` : ''} ${missing ? 'is missing' : extra ? 'is not known' : fault.message}${allowed ? `: ${allowed.join(', ')}` : ''}`;
    return invalidArgument(text, { field: path || (validationContext ?? '') });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new AppError(codeOfHttpStatus(statusCode), message, { cause: error });
  return toAppError(error);
}

function measure(app: HttpApp): void {
  if (!register.getSingleMetric('process_cpu_user_seconds_total')) collectDefaultMetrics();
  const name = 'florilegium_http_request_duration_seconds';
  const duration =
    (register.getSingleMetric(name) as Histogram<'method' | 'route' | 'status'> | undefined) ??
    new Histogram({
      name,
      help: 'Duration of REST requests',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    });
  app.addHook('onResponse', async (request, reply) => {
    duration.observe(
      {
        method: request.method,
        route: request.routeOptions.url ?? 'unknown',
        status: `${Math.floor(reply.statusCode / 100)}xx`,
      },
      reply.elapsedTime / 1000,
    );
  });
}
