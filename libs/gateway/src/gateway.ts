import { randomUUID } from 'node:crypto';
import replyFrom from '@fastify/reply-from';
import { refuseForeignPage } from '@florilegium/auth';
import { AppError, type ErrorCode, httpStatusOf, messageOf, unavailable } from '@florilegium/errors';
import { checkedRequestId } from '@florilegium/log';
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
  /** Where services ask for no keys. */
  refuseForeignPages: boolean;
  log: (line: string) => void;
  /** Hears of each request that the gateway itself answers with 5xx. */
  onFailure?: (failure: GatewayFailure) => void;
  /** How long a request waits for a service that restarts. */
  retryTimeoutMs?: number;
  /** How long an answer that has begun may stand still; server-sent events beat every 15 s. */
  bodyTimeoutMs?: number;
}

export interface GatewayFailure {
  requestId: string;
  method: string;
  path: string;
  status: number;
  /** What the caller is told, and the code of the connection's fault where it has one. */
  reason: string;
  code: string;
}

export interface Gateway {
  url: string;
  close(): Promise<void>;
}

const retryEveryMs = 250;
/** How long answers under way may take when the gateway closes. */
const drainTimeoutMs = 3000;
/** A service answers within this, or streams. */
const headersTimeoutMs = 120_000;
/** Longer bodies are passed on as they come, and once. */
const keptBodyBytesMax = 1 << 20;
/** Of the gateway itself. */
const ownPath = '/livez';
const readOnly = new Set(['GET', 'HEAD', 'OPTIONS']);
/** https://www.rfc-editor.org/rfc/rfc9110#name-idempotent-methods */
const idempotent = new Set([...readOnly, 'PUT', 'DELETE']);
/** The connection was never made. EHOSTUNREACH, ENOTFOUND and EAI_AGAIN: a container that is being replaced. */
const carriedNothing = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const broken = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

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
  onFailure = () => {},
  retryTimeoutMs = 20_000,
  bodyTimeoutMs = 60_000,
}: GatewayOptions): Promise<Gateway> {
  const byLength = routes.toSorted((a, b) => b.path.length - a.path.length);
  const urlOf = (path: string) =>
    byLength.find((route) => route.path === '/' || path === route.path || path.startsWith(`${route.path}/`))?.url;
  const agent = new Agent({
    headersTimeout: headersTimeoutMs,
    bodyTimeout: bodyTimeoutMs,
    connect: { timeout: 5_000 },
  });
  const app = fastify({
    logger: false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: (request) => checkedRequestId(request.headers['x-request-id']) ?? randomUUID(),
  });
  const sendFailure = (request: FastifyRequest, reply: FastifyReply, error: unknown) => {
    const problem = asProblem(error);
    const { status, detail: reason } = problem;
    if (status >= 500) {
      const path = pathOf(request.raw);
      onFailure({ requestId: request.id, method: request.method, path, status, reason, code: codeOf(error) });
    }
    return sendProblem(request, reply, problem);
  };
  app.setErrorHandler((error, request, reply) => sendFailure(request, reply, error));
  app.addHook('onRequest', async (request) => {
    if (refuseForeignPages) refuseForeignPage({ method: request.method, headers: request.headers });
    if (pathOf(request) !== ownPath && urlOf(pathOf(request)) === undefined)
      throw new AppError('not_found', `${pathOf(request)} is not known`);
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  await app.register(replyFrom, { undici: agent as never, disableRequestLogging: true });
  app.get(ownPath, async () => ({ status: 'ok' }));
  app.all('/*', async (request, reply) => {
    const body = await keptBody(request);
    const startedAt = Date.now();
    return reply.from(request.raw.url, {
      ...(body === undefined
        ? {}
        : { body, contentType: request.headers['content-type'] ?? 'application/octet-stream' }),
      getUpstream: () => urlOf(pathOf(request)) ?? '',
      // Services name their own addresses (IIIF's info.json) by what the client asked for.
      rewriteRequestHeaders: (_request, headers) => ({
        ...headers,
        'x-request-id': request.id,
        'x-forwarded-host': request.host,
        'x-forwarded-proto': request.protocol,
      }),
      rewriteHeaders: ({ connection: _hop, 'keep-alive': _hopToo, ...headers }) => ({
        ...headers,
        'x-request-id': request.id,
      }),
      retryDelay: ({ err }) =>
        err && isWorthRepeating(request, body !== undefined, codeOf(err)) && Date.now() - startedAt < retryTimeoutMs
          ? retryEveryMs
          : null,
      onError: (failedReply, { error }) => sendFailure(request, failedReply as FastifyReply, error),
    });
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
      // Event streams never end by themselves.
      setTimeout(() => app.server.closeAllConnections(), drainTimeoutMs).unref();
      await app.close();
      await agent.destroy();
    },
  };
}

function pathOf(request: { url?: string }): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

/** What carried nothing is sent again; what may have been carried, only where twice equals once. */
function isWorthRepeating(request: FastifyRequest, bodyIsKept: boolean, code: string): boolean {
  if (hasBody(request) && !bodyIsKept) return false;
  if (carriedNothing.has(code)) return true;
  return broken.has(code) && (idempotent.has(request.method) || request.headers['idempotency-key'] !== undefined);
}

const hasBody = ({ headers }: FastifyRequest) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** The whole body where it is short, for it may have to be sent again; undefined where there is none or it passes as it comes. */
async function keptBody(request: FastifyRequest): Promise<Buffer | undefined> {
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (!(length > 0 && length <= keptBodyBytesMax)) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of request.body as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code !== undefined && !code.startsWith('FST_')) return code;
  }
  return '';
}

function asProblem(error: unknown): { code: ErrorCode; status: number; detail: string } {
  if (error instanceof AppError) return { code: error.code, status: httpStatusOf(error.code), detail: error.message };
  const code = codeOf(error);
  if (carriedNothing.has(code)) {
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
