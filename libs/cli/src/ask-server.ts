import { setTimeout as pause } from 'node:timers/promises';
import { AppError, codeOfHttpStatus, invalidArgument, messageOf, unavailable } from '@florilegium/errors';
import { type Command, Option } from 'commander';

export interface ServerOptions {
  /** Address of the gateway. */
  server: string;
  key?: string;
}

export interface Question {
  method?: 'GET' | 'POST';
  /** Sent as JSON. */
  body?: unknown;
  /** JSON that is text already, sent as it is: the server names its lines. */
  jsonText?: string;
  /** Sent as text, as it comes. */
  text?: ReadableStream;
  headers?: Record<string, string>;
  /** Undefined for an answer that goes on until it ends. */
  timeoutMs?: number;
}

/** The options of every command that asks a running Florilegium. */
export const serverOption = ['--server <address>', 'of the gateway', 'http://127.0.0.1:8080'] as const;

const keyOption = () => new Option('--key <key>', 'API key').env('FLORILEGIUM_KEY');

/** `--server` and `--key`. */
export const withServer = (command: Command): Command => command.option(...serverOption).addOption(keyOption());

/** The same for commands that work on files unless a server is named. */
export const withOptionalServer = (command: Command): Command =>
  command
    .option(
      '--server [address]',
      `ask a running Florilegium, ${serverOption[2]} unless an address follows, instead of files`,
    )
    .addOption(keyOption());

/** What `withOptionalServer` gives; undefined for files. */
export const serverOf = ({ server, key }: { server?: string | true; key?: string }): ServerOptions | undefined =>
  server === undefined ? undefined : { server: server === true ? serverOption[2] : server, key };

/** What answers at once must not keep anybody waiting for ever. */
const answerTimeoutMs = 600_000;

export const askJson = async <Reply>(server: ServerOptions, path: string, question: Question = {}): Promise<Reply> =>
  (await (await askServer(server, path, { timeoutMs: answerTimeoutMs, ...question })).json()) as Reply;

/** A server that is away for longer will not be back by itself. */
const patienceMs = 30 * 60_000;

/**
 * As `askJson`, for work that goes on for hours without us: while the server is away it is asked again, for half an hour at most. A POST must
 * carry an Idempotency-Key or be the same twice.
 */
export async function askPatiently<Reply>(
  server: ServerOptions,
  path: string,
  question: Question = {},
  { pauseMs = 5000 } = {},
): Promise<Reply> {
  let awaySince: number | undefined;
  for (;;) {
    try {
      return await askJson<Reply>(server, path, question);
    } catch (error) {
      const isAway =
        error instanceof AppError && ['unavailable', 'deadline_exceeded', 'resource_exhausted'].includes(error.code);
      if (!isAway || Date.now() - (awaySince ?? Date.now()) > patienceMs) throw error;
      if (awaySince === undefined) console.error(`${error.message}; asking again`);
      awaySince ??= Date.now();
      await pause(pauseMs);
    }
  }
}

/**
 * Asks a running Florilegium.
 * @throws unavailable when it cannot be reached, else what it answered in its own words, with the code of its status
 */
export async function askServer(
  { server, key }: ServerOptions,
  path: string,
  {
    body,
    jsonText = body === undefined ? undefined : JSON.stringify(body),
    text: sentText,
    method = jsonText === undefined && sentText === undefined ? 'GET' : 'POST',
    headers = {},
    timeoutMs,
  }: Question = {},
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
        ...(jsonText === undefined ? {} : { 'content-type': 'application/json' }),
        ...(sentText === undefined ? {} : { 'content-type': 'text/plain' }),
      },
      body: jsonText ?? sentText,
      ...(sentText === undefined ? {} : { duplex: 'half' as const }),
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
