import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { listZipEntries, type RandomAccess, readZipEntry } from '@florilegium/bhl';
import { AppError, invalidArgument, messageOf, notFound, unavailable } from '@florilegium/errors';
import { Agent, request } from 'undici';
import type { ExportKind } from '../domain/import-run.ts';

/** One file of an export, found. */
export interface ExportFile {
  /** Its name below the source, for messages: `data/page.txt.gz`. */
  name: string;
  /** As stored, before inflating; undefined where the host does not say. */
  bytesTotal: number | undefined;
  /** The same while the file is the same; undefined where that cannot be told. */
  version: string | undefined;
  /** Its bytes from the beginning; may be called again. @param onBytes told of every block read */
  read(signal: AbortSignal, onBytes: (bytes: number) => void): AsyncIterable<Uint8Array>;
}

export interface ExportFilesClient {
  /** @throws invalid_argument when the source is neither an address of a configured host nor a folder or .zip under a configured root */
  check(source: string): Promise<void>;
  /** Those of the export's files that the source holds: each alone, plain or .gz, or in its data.zip. */
  findAll(
    source: string,
    kinds: readonly ExportKind[],
    signal: AbortSignal,
  ): Promise<Partial<Record<ExportKind, ExportFile>>>;
  close(): Promise<void>;
}

export interface ExportFilesOptions {
  hosts: readonly string[];
  roots: readonly string[];
  /** Told to the host: whom to write to when the import is in the way. */
  contact: string;
  connectTimeoutMs?: number;
  headersTimeoutMs?: number;
  /** A body that is silent for so long is taken up again. */
  idleTimeoutMs?: number;
  attemptsMax?: number;
  retryDelayMs?: (failures: number) => number;
}

const redirectsMax = 3;

export function exportFilesClient({
  hosts,
  roots,
  contact,
  connectTimeoutMs = 10_000,
  headersTimeoutMs = 30_000,
  idleTimeoutMs = 30_000,
  attemptsMax = 6,
  retryDelayMs = (failures) => Math.min(20_000, 250 * 2 ** failures) * (0.75 + Math.random() / 2),
}: ExportFilesOptions): ExportFilesClient {
  const agent = new Agent({
    connectTimeout: connectTimeoutMs,
    headersTimeout: headersTimeoutMs,
    bodyTimeout: idleTimeoutMs,
    connections: 4,
  });

  const isAllowedHost = (url: URL) =>
    ['http:', 'https:'].includes(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    hosts.some((host) => host.toLowerCase() === url.host);

  const addressOf = (source: string): URL | undefined => {
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return undefined;
    if (!URL.canParse(source)) throw invalidArgument(`source is not an address: ${source}`, { field: 'source' });
    const url = new URL(source);
    if (!isAllowedHost(url)) {
      throw invalidArgument(`source: ${url.protocol}//${url.host} is not among the configured hosts`, {
        field: 'source',
      });
    }
    if (!url.pathname.endsWith('/') && !isZip(url.pathname)) url.pathname += '/';
    return url;
  };

  /** The path with links resolved, when it exists below a root; files are checked the same way, so that no link leads out. */
  const pathBelowRoot = async (path: string): Promise<string | undefined> => {
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined) return undefined;
    for (const root of roots) {
      const realRoot = await realpath(root).catch(() => undefined);
      if (
        realRoot !== undefined &&
        (real === realRoot || real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep))
      ) {
        return real;
      }
    }
    return undefined;
  };

  const pathOf = async (source: string): Promise<string> => {
    const path = await pathBelowRoot(source);
    // Whether a folder outside the roots exists is nobody's business: both cases read the same.
    if (path === undefined || !((await stat(path)).isDirectory() || isZip(source))) {
      throw invalidArgument(`source is not a folder or a .zip under a configured root: ${source}`, { field: 'source' });
    }
    return path;
  };

  /** Sends a request until it is answered with 200, 206, 403 or 404; follows redirects to configured hosts. */
  async function ask(url: URL, method: 'GET' | 'HEAD', headers: Record<string, string>, signal: AbortSignal) {
    let address = url;
    let redirects = 0;
    for (let failures = 0; ; ) {
      let reason: string;
      let retryAfterMs: number | undefined;
      try {
        const answer = await request(address, {
          method,
          headers: {
            'user-agent': `Florilegium/0.1 (imports BHL's export; contact: ${contact})`,
            'accept-encoding': 'identity',
            ...headers,
          },
          dispatcher: agent,
          signal,
        });
        const { statusCode } = answer;
        if ([200, 206, 403, 404, 416].includes(statusCode)) return answer;
        await answer.body.dump();
        const location = answer.headers.location;
        if (statusCode >= 300 && statusCode < 400 && typeof location === 'string') {
          address = new URL(location, address);
          if (!isAllowedHost(address)) {
            throw invalidArgument(`${url.href} redirects to ${address.host}, which is not among the configured hosts`);
          }
          if (++redirects > redirectsMax) throw unavailable(`${url.href} redirects without end`);
          continue;
        }
        reason = `status ${statusCode}`;
        const seconds = Number(answer.headers['retry-after']);
        if (Number.isFinite(seconds)) retryAfterMs = Math.min(60_000, seconds * 1000);
        if (statusCode < 500 && statusCode !== 429 && statusCode !== 408) {
          throw invalidArgument(`${url.href} answers with ${reason}`, { field: 'source' });
        }
      } catch (error) {
        if (signal.aborted || error instanceof AppError) throw error;
        reason = messageOf(error);
      }
      if (++failures >= attemptsMax) throw unavailable(`${url.href} cannot be read: ${reason}`, { retryAfterMs });
      await pause(retryAfterMs ?? retryDelayMs(failures), undefined, { signal });
    }
  }

  async function findAtAddress(url: URL, name: string, signal: AbortSignal): Promise<FoundFile | undefined> {
    const answer = await ask(url, 'HEAD', {}, signal);
    await answer.body.dump();
    // S3 says 403 for a missing key to those who may not list the bucket; a site may answer with a page of its own.
    if (answer.statusCode !== 200 || isWebPage(answer.headers)) return undefined;
    const length = Number(answer.headers['content-length']);
    const bytesTotal = answer.headers['content-length'] !== undefined && Number.isFinite(length) ? length : undefined;
    const version = strongVersion(answer.headers);
    return {
      name,
      bytesTotal,
      version,
      read: (readSignal, onBytes) => readAddress(url, readSignal, onBytes),
      readRange: (range, readSignal, onBytes) => readAddress(url, readSignal, onBytes, { ...range, version }),
    };
  }

  /** The body of an address, or a range of it; a connection that breaks is taken up where it broke, if the file is still the same. */
  async function* readAddress(
    url: URL,
    signal: AbortSignal,
    onBytes: (bytes: number) => void,
    range?: ByteRange & { version: string | undefined },
  ) {
    let bytes = 0;
    let version = range?.version;
    for (let failures = 0; ; ) {
      const isPartial = bytes > 0 || range !== undefined;
      const headers: Record<string, string> = {};
      if (isPartial) headers.range = `bytes=${(range?.from ?? 0) + bytes}-${range ? range.to - 1 : ''}`;
      if (isPartial && version !== undefined) headers['if-range'] = version;
      const answer = await ask(url, 'GET', headers, signal);
      if (answer.statusCode === 403 || answer.statusCode === 404) {
        await answer.body.dump();
        throw notFound('export file', url.href);
      }
      if (isPartial && answer.statusCode !== 206) {
        answer.body.destroy();
        throw unavailable(`${url.href} changed while it was being read, or its host does not serve ranges`);
      }
      if (isWebPage(answer.headers)) {
        answer.body.destroy();
        throw unavailable(`${url.href} answers with a web page instead of the file`);
      }
      version = strongVersion(answer.headers);
      const bytesBefore = bytes;
      try {
        for await (const block of answer.body) {
          bytes += (block as Buffer).length;
          onBytes((block as Buffer).length);
          yield block as Uint8Array;
        }
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        failures = bytes > bytesBefore ? 1 : failures + 1;
        if (failures >= attemptsMax || version === undefined) {
          throw unavailable(`${url.href} broke off after ${bytes} bytes: ${messageOf(error)}`, { cause: error });
        }
        await pause(retryDelayMs(failures), undefined, { signal });
      }
    }
  }

  async function findInFolder(sought: string, name: string): Promise<FoundFile | undefined> {
    const path = await pathBelowRoot(sought);
    if (path === undefined) return undefined;
    const { size, mtimeMs } = await stat(path);
    async function* read(range: Partial<ByteRange>, signal: AbortSignal, onBytes: (bytes: number) => void) {
      const { from: start, to } = range;
      if (start !== undefined && start === to) return;
      const end = to === undefined ? undefined : to - 1;
      for await (const block of createReadStream(path!, { highWaterMark: 1024 * 1024, signal, start, end })) {
        onBytes((block as Buffer).length);
        yield block as Uint8Array;
      }
    }
    const version = `${size} ${mtimeMs}`;
    return { name, bytesTotal: size, version, read: (signal, onBytes) => read({}, signal, onBytes), readRange: read };
  }

  return {
    check: async (source) => {
      if (addressOf(source) === undefined) await pathOf(source);
    },
    findAll: async (source, kinds, signal) => {
      const base = addressOf(source);
      const path = base === undefined ? await pathOf(source) : '';
      const find = (name: string) =>
        base === undefined ? findInFolder(join(path, name), name) : findAtAddress(new URL(name, base), name, signal);
      if (isZip(base?.pathname ?? source)) {
        const name = basename(base?.pathname ?? source);
        const zip = base === undefined ? await findInFolder(path, name) : await findAtAddress(base, name, signal);
        return zip ? await filesInZip(zip, kinds, signal) : {};
      }
      const found: Partial<Record<ExportKind, ExportFile>> = {};
      for (const kind of kinds) {
        for (const name of [`data/${kind}.txt.gz`, `data/${kind}.txt`, `${kind}.txt.gz`, `${kind}.txt`]) {
          found[kind] ??= await find(name);
        }
        if (!found[kind]) delete found[kind];
      }
      // BHL's site serves the small files alone, and those of pages inside its archive.
      const missing = kinds.filter((kind) => !found[kind]);
      for (const name of missing.length > 0 ? ['data.zip', 'data/data.zip'] : []) {
        const zip = await find(name);
        if (zip) return { ...(await filesInZip(zip, missing, signal)), ...found };
      }
      return found;
    },
    close: () => agent.close(),
  };
}

const isZip = (path: string) => path.toLowerCase().endsWith('.zip');

interface ByteRange {
  from: number;
  /** The first byte that is not read. */
  to: number;
}

/** A file that can also be read in part. */
interface FoundFile extends ExportFile {
  readRange(range: ByteRange, signal: AbortSignal, onBytes: (bytes: number) => void): AsyncIterable<Uint8Array>;
}

const isWebPage = (headers: Record<string, string | string[] | undefined>) =>
  `${headers['content-type'] ?? ''}`.toLowerCase().startsWith('text/html');

/** What names this state of a file byte for byte; a weak ETag does not. */
function strongVersion(headers: Record<string, string | string[] | undefined>): string | undefined {
  const version = headers.etag ?? headers['last-modified'];
  return typeof version === 'string' && !version.startsWith('W/') ? version : undefined;
}

async function filesInZip(zip: FoundFile, kinds: readonly ExportKind[], signal: AbortSignal) {
  const { bytesTotal } = zip;
  if (bytesTotal === undefined) throw unavailable(`the host does not say how long ${zip.name} is`);
  const accessWith = (readSignal: AbortSignal, onBytes: (bytes: number) => void): RandomAccess => ({
    bytesTotal,
    read: (from, to) => zip.readRange({ from, to }, readSignal, onBytes),
  });
  const entries = await listZipEntries(
    accessWith(signal, () => {}),
    zip.name,
  );
  const found: Partial<Record<ExportKind, ExportFile>> = {};
  for (const kind of kinds) {
    const entry = entries.find(({ name }) => basename(name.replaceAll('\\', '/')).toLowerCase() === `${kind}.txt`);
    if (!entry) continue;
    found[kind] = {
      name: `${zip.name}: ${entry.name}`,
      bytesTotal: entry.compressedBytes,
      version: zip.version,
      read: (readSignal, onBytes) => readZipEntry(accessWith(readSignal, onBytes), entry, zip.name),
    };
  }
  return found;
}
