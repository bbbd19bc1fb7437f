import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, codeOfHttpStatus, internal, messageOf, unavailable } from '@florilegium/errors';
import { request } from 'undici';
import type { Random } from '../random.ts';

const requestTimeoutMs = 20_000;
const backOffFirstMs = 150;
const backOffMaxMs = 5_000;

export interface RestSessionOptions {
  /** Origin of the gateway. */
  baseUrl: string;
  apiKey: string | undefined;
  /** For the jitter of the back-off. */
  random: Random;
  signal: AbortSignal | undefined;
  /** How long one call may go on failing with 429, 5xx or a broken connection, all its attempts together. */
  retryForMs: number;
}

export interface RestSession {
  get<T>(path: string): Promise<T>;
  /** Repeats are harmless by the Idempotency-Key. */
  post<T>(path: string, body: unknown, idempotencyKey: string): Promise<T>;
}

/** Calls the services' REST as a curator does; what is wrong with the call itself is thrown at once, the rest is retried. */
export function openRestSession(options: RestSessionOptions): RestSession {
  const { baseUrl, apiKey, random, signal, retryForMs } = options;

  const once = async (
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    idempotencyKey?: string,
  ): Promise<unknown> => {
    const deadline = AbortSignal.timeout(requestTimeoutMs);
    const response = await request(new URL(path, baseUrl), {
      method,
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      headers: {
        accept: 'application/json',
        ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    if (response.statusCode >= 200 && response.statusCode < 300) return JSON.parse(text);
    const message = `${method} ${path} answered ${response.statusCode}: ${problemOf(text)}`;
    if (response.statusCode === 429 || response.statusCode >= 500) {
      const seconds = Number(response.headers['retry-after']);
      throw unavailable(message, Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {});
    }
    throw new AppError(codeOfHttpStatus(response.statusCode), message);
  };

  const call = async <T>(method: 'GET' | 'POST', path: string, body?: unknown, idempotencyKey?: string): Promise<T> => {
    const giveUpAt = Date.now() + retryForMs;
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted();
      try {
        return (await once(method, path, body, idempotencyKey)) as T;
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof AppError && error.code !== 'unavailable') throw error;
        const backOffMs = Math.min(backOffMaxMs, backOffFirstMs * 2 ** attempt) * random.range(0.5, 1);
        const waitMs = Math.max(backOffMs, (error instanceof AppError ? error.retryAfterMs : undefined) ?? 0);
        if (Date.now() + waitMs > giveUpAt)
          throw internal(
            `${method} ${path} still fails after ${Math.round(retryForMs / 1000)} s: ${messageOf(error)}`,
            { cause: error },
          );
        await sleep(waitMs, undefined, signal ? { signal } : {});
      }
    }
  };

  return {
    get: (path) => call('GET', path),
    post: (path, body, idempotencyKey) => call('POST', path, body, idempotencyKey),
  };
}

function problemOf(text: string): string {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: string; title?: string };
    return detail ?? title ?? text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}
