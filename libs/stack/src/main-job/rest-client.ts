import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, codeOfHttpStatus, messageOf, unavailable } from '@florilegium/errors';

export interface RestClient {
  get<Body>(path: string): Promise<Body>;
  /** Tried again only because every POST here carries an Idempotency-Key or is idempotent by its meaning. */
  post<Body>(path: string, body: unknown, idempotencyKey?: string): Promise<Body>;
  /** Undefined when there is no such thing. */
  bytes(path: string): Promise<{ mediaType: string; content: Buffer } | undefined>;
}

export interface RestClientOptions {
  baseUrl: string;
  signal: AbortSignal;
  /** Of an operator, where services ask for keys. */
  apiKey?: string;
  timeoutMs?: number;
  /** A service that is being restarted is waited for so long. */
  patienceMs?: number;
}

/** A small client of the stack's REST API: deadlines, bounded patience while a service restarts, problems as errors. */
export function createRestClient({
  baseUrl,
  signal,
  apiKey,
  timeoutMs = 30_000,
  patienceMs = 90_000,
}: RestClientOptions): RestClient {
  async function call(path: string, init: RequestInit): Promise<Response> {
    const deadline = Date.now() + patienceMs;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      let reason: string;
      try {
        const response = await fetch(new URL(path, baseUrl), {
          ...init,
          headers: { ...init.headers, ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}) },
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        });
        if (response.ok || response.status === 404 || ![429, 502, 503, 504].includes(response.status)) return response;
        reason = `${response.status}`;
        await response.body?.cancel();
      } catch (error) {
        signal.throwIfAborted();
        reason = messageOf((error as Error).cause ?? error);
      }
      if (Date.now() > deadline) throw unavailable(`${path} does not answer: ${reason}`);
      await sleep(Math.min(2000, 100 * 2 ** attempt), undefined, { signal });
    }
  }

  async function json<Body>(path: string, init: RequestInit): Promise<Body> {
    const response = await call(path, init);
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as Body;
    throw problem(path, response.status, text);
  }

  return {
    get: (path) => json(path, {}),
    post: (path, body, idempotencyKey) =>
      json(path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
        },
        body: JSON.stringify(body),
      }),
    bytes: async (path) => {
      const response = await call(path, {});
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      if (!response.ok) throw problem(path, response.status, await response.text());
      return {
        mediaType: response.headers.get('content-type') ?? '',
        content: Buffer.from(await response.arrayBuffer()),
      };
    },
  };
}

function problem(path: string, status: number, text: string): AppError {
  let detail = text.slice(0, 300);
  try {
    detail = (JSON.parse(text) as { detail?: string }).detail ?? detail;
  } catch {}
  return new AppError(codeOfHttpStatus(status), `${path}: ${detail}`);
}
