import { randomUUID } from 'node:crypto';
import proxy from '@fastify/http-proxy';
import { AppError, type ErrorCode, httpStatusOf, messageOf, unavailable } from '@florilegium/errors';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { Agent } from 'undici';

export interface GatewayRoute {
  /** Matches itself and everything below it. The longest match wins. */
  path: string;
  /** The service's origin. */
  url: string;
}

export interface GatewayOptions {
  /** 0 takes any free one. */
  port: number;
  host?: string;
  routes: readonly GatewayRoute[];
  /**
   * Without API keys the loopback is the only guard, so requests that a foreign web page sends through the browser of
   * this machine are refused: by a foreign name in Host (DNS rebinding) or as a cross-site write.
   */
  refuseForeignPages: boolean;
  log: (line: string) => void;
  /** How long a request waits for a service that restarts. */
  retryTimeoutMs?: number;
}

export interface Gateway {
  url: string;
  close(): Promise<void>;
}

const retryEveryMs = 250;
/** A service answers within this, or streams; server-sent events may then last for ever. */
const headersTimeoutMs = 120_000;
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * One origin for all services, in place of the chart's Ingress. Bodies pass in both directions as they come.
 * @throws unavailable in one line when the port is taken
 */
export async function startGateway({
  port,
  host = '127.0.0.1',
  routes,
  refuseForeignPages,
  log,
  retryTimeoutMs = 20_000,
}: GatewayOptions): Promise<Gateway> {
  const byLength = routes.toSorted((a, b) => b.path.length - a.path.length);
  const urlOf = (path: string) =>
    byLength.find((route) => route.path === '/' || path === route.path || path.startsWith(`${route.path}/`))?.url;
  const agent = new Agent({ headersTimeout: headersTimeoutMs, bodyTimeout: 0, connect: { timeout: 5_000 } });
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID();
    },
  });
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, asProblem(error)));
  app.addHook('onRequest', async (request) => {
    if (refuseForeignPages) refuseForeignPage(request);
    if (urlOf(pathOf(request)) === undefined) throw new AppError('not_found', `${pathOf(request)} is not known`);
  });

  const failedAt = new WeakMap<object, number>();
  await app.register(proxy, {
    upstream: '',
    internalRewriteLocationHeader: false,
    disableRequestLogging: true,
    undici: agent as never,
    replyOptions: {
      getUpstream: (request) => urlOf(pathOf(request)) ?? '',
      rewriteRequestHeaders: (request, headers) => ({ ...headers, 'x-request-id': request.id }),
      rewriteHeaders: (headers, request) => ({ ...headers, 'x-request-id': request?.id ?? headers['x-request-id'] }),
      // `req` is the request as it goes out, one object for all its attempts.
      retryDelay: ({ err, req }) => {
        if (!err || !isWorthRepeating(req, codeOf(err))) return null;
        const since = failedAt.get(req) ?? Date.now();
        failedAt.set(req, since);
        return Date.now() - since < retryTimeoutMs ? retryEveryMs : null;
      },
      onError: (reply, { error }) =>
        sendProblem(reply.request as FastifyRequest, reply as FastifyReply, asProblem(error)),
    },
  });

  try {
    await app.listen({ port, host });
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw unavailable(`port ${port} is in use: stop what listens there, or choose another with --port`);
    }
    throw unavailable(`cannot listen on ${host}:${port}: ${messageOf(error)}`, { cause: error });
  }
  const address = app.server.address();
  const url = `http://${host}:${typeof address === 'object' ? address?.port : port}`;
  log(`gateway on ${url}`);
  return {
    url,
    async close() {
      await app.close();
      await agent.destroy();
    },
  };
}

function pathOf(request: { url?: string }): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

/** A connection that was refused has carried nothing. One that broke may have: then only what changes nothing is sent again. */
function isWorthRepeating(request: { method?: string; headers: Record<string, unknown> }, code: string): boolean {
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  if (hasBody) return false;
  if (code === 'ECONNREFUSED') return true;
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code) && repeatable.has(request.method ?? '');
}

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code !== undefined && !code.startsWith('FST_')) return code;
  }
  return '';
}

function refuseForeignPage(request: FastifyRequest): void {
  const name = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (!['localhost', '127.0.0.1', '[::1]'].includes(name)) {
    throw new AppError('permission_denied', 'this address serves its own machine only');
  }
  if (!repeatable.has(request.method) && request.headers['sec-fetch-site'] === 'cross-site') {
    throw new AppError('permission_denied', 'another site may not write here');
  }
}

function asProblem(error: unknown): { code: ErrorCode; status: number; detail: string } {
  if (error instanceof AppError) return { code: error.code, status: httpStatusOf(error.code), detail: error.message };
  const code = codeOf(error);
  if (code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT') {
    return { code: 'unavailable', status: 503, detail: 'the service is not there at the moment' };
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return { code: 'deadline_exceeded', status: 504, detail: 'the service did not answer in time' };
  }
  const status = (error as { statusCode?: number }).statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    return { code: 'invalid_argument', status, detail: messageOf(error) };
  }
  return { code: 'unavailable', status: 502, detail: 'the service ended the connection before it answered' };
}

function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  { code, status, detail }: ReturnType<typeof asProblem>,
): FastifyReply {
  if (status === 503) reply.header('retry-after', '1');
  return reply
    .code(status)
    .type('application/problem+json')
    .header('x-request-id', request.id)
    .send(
      JSON.stringify({
        type: 'about:blank',
        title: code.replaceAll('_', ' '),
        status,
        detail,
        code,
        requestId: request.id,
      }),
    );
}
