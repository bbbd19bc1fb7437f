import { internal, invalidArgument } from '@florilegium/errors';
import { type Command, Option } from 'commander';

/** Where a running Florilegium answers, and as whom it is asked. */
export interface ServerOptions {
  server: string;
  key?: string;
}

export const defaultServer = 'http://127.0.0.1:8080';

/** `--server` and `--key`, the same for every command that asks a server. */
export const withServer = (command: Command): Command =>
  command
    .option('--server <address>', 'of a running Florilegium', defaultServer)
    .addOption(new Option('--key <key>', 'API key').env('FLORILEGIUM_KEY'));

/** The same for commands that work on files unless a server is named. */
export const withOptionalServer = (command: Command): Command =>
  command
    .option(
      '--server [address]',
      `ask a running Florilegium (${defaultServer} unless an address follows) instead of files`,
    )
    .addOption(new Option('--key <key>', 'API key').env('FLORILEGIUM_KEY'));

/** What `withOptionalServer` gives: undefined for files. */
export const serverOf = ({ server, key }: { server?: string | true; key?: string }): ServerOptions | undefined =>
  server === undefined ? undefined : { server: server === true ? defaultServer : server, key };

interface Asked {
  method?: 'GET' | 'POST';
  /** JSON, or a text or stream as it is. */
  json?: unknown;
  body?: string | ReadableStream;
  headers?: Record<string, string>;
}

const timeoutMs = 600_000;

/** @throws AppError with the server's own words when it refuses */
export async function ask(
  { server, key }: ServerOptions,
  path: string,
  { method, json, body, headers = {} }: Asked = {},
): Promise<Response> {
  if (!/^https?:\/\//.test(server) || !URL.canParse(server))
    throw invalidArgument(`--server is not an http or https address: ${server}`);
  const sent = json === undefined ? body : JSON.stringify(json);
  const response = await fetch(new URL(path, server), {
    method: method ?? (sent === undefined ? 'GET' : 'POST'),
    headers: {
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: sent,
    duplex: 'half',
    signal: AbortSignal.timeout(timeoutMs),
  } as RequestInit);
  if (response.ok) return response;
  const text = await response.text();
  let detail = text.slice(0, 200);
  try {
    detail = (JSON.parse(text) as { detail?: string }).detail ?? detail;
  } catch {}
  throw internal(`${path} answered ${response.status}: ${detail}`);
}

export const askJson = async <Reply>(server: ServerOptions, path: string, asked?: Asked): Promise<Reply> =>
  (await (await ask(server, path, asked)).json()) as Reply;
