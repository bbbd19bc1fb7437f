import { AppError, codeOfHttpStatus, invalidArgument, messageOf, unavailable } from '@florilegium/errors';

export interface ServerOptions {
  /** Address of the gateway. */
  server: string;
  key?: string;
}

export interface Question {
  method?: 'GET' | 'POST';
  body?: unknown;
  headers?: Record<string, string>;
  /** Undefined for an answer that goes on until it ends. */
  timeoutMs?: number;
}

/** The options of every command that asks a running Florilegium. */
export const serverOption = ['--server <address>', 'of the gateway', 'http://127.0.0.1:8080'] as const;

/**
 * Asks a running Florilegium.
 * @throws unavailable when it cannot be reached, else what it answered in its own words, with the code of its status
 */
export async function askServer(
  { server, key }: ServerOptions,
  path: string,
  { method = 'GET', body, headers = {}, timeoutMs }: Question = {},
): Promise<Response> {
  if (!URL.canParse(server) || !/^https?:/.test(server))
    throw invalidArgument(`--server is not an address: ${server}`, { field: 'server' });
  let response: Response;
  try {
    response = await fetch(new URL(path, server), {
      method,
      headers: {
        ...headers,
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    // fetch itself says only that it failed; its cause says why.
    const { cause } = error as { cause?: unknown };
    throw unavailable(
      `${server} cannot be reached: ${messageOf(cause ?? error) || (cause as { code?: string })?.code}`,
      {
        cause: error,
      },
    );
  }
  if (response.ok) return response;
  const text = await response.text();
  let detail = text.slice(0, 200);
  try {
    detail = (JSON.parse(text) as { detail?: string }).detail ?? detail;
  } catch {}
  throw new AppError(codeOfHttpStatus(response.status), `${path} answered ${response.status}: ${detail}`);
}
