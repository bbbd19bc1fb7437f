import { realpath } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { bucketImagePath, type ImageSize, imageSizes } from '@florilegium/bhl';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { openLibraryFolder } from '../library-folder.ts';
import { createRandom } from '../random.ts';
import { type FaultKind, type Faults, parseFaults, planFaults } from './faults.ts';
import { readPageIndex } from './page-index.ts';
import { drawPlaceholder } from './placeholder-picture.ts';
import { type BhlCounters, createRequestCounters, type RequestArrivals, type RequestKind } from './request-counters.ts';
import { openBelow, rangeOf, type ServedFile } from './served-file.ts';

export interface SimulatedBhlOptions {
  /** Folder in BHL's layout. */
  library: string;
  host?: string;
  /** 0, the default, takes a free one. */
  port?: number;
  faults?: Faults;
  /** Above it: 429 with Retry-After. No limit when absent. */
  requestsPerSecondMax?: number;
  /** Decides which requests meet which fault. */
  seed?: number;
}

export interface SimulatedBhl {
  /** `http://host:port` */
  url: string;
  port: number;
  pageCount: number;
  /** Why the library's export could be read only in part, if so. */
  indexFault: string | undefined;
  counters(): BhlCounters;
  arrivals(): RequestArrivals;
  resetCounters(): void;
  /** Replaces the faults and forgets which attempts were made. */
  setFaults(faults: Faults): void;
  close(): Promise<void>;
}

const placeholders = { 'image_not_found.jpg': [400, 600], 'image_not_found_thumb.jpg': [100, 150] } as const;
const errorPage =
  '<!DOCTYPE html>\n<html><head><title>Biodiversity Heritage Library</title></head><body><h1>An error has occurred.</h1></body></html>\n';

/**
 * Serves a library as BHL and its bucket do in 2026: `/data/*.txt.gz` and `/web/{BarCode}/{BarCode}_{NNNN}_{size}.webp` with
 * ETag and ranges, `/pageimage/{id}` and `/pagethumb/{id}[,w,h]` as 302, unknown pages as 302 to a placeholder picture. Any
 * other path is 404, whatever lies in the folder. Throws `invalid_argument` for a folder that is no library.
 */
export async function startSimulatedBhl(options: SimulatedBhlOptions): Promise<SimulatedBhl> {
  const { host = '127.0.0.1', port = 0, seed = 1, requestsPerSecondMax } = options;
  const library = await openLibraryFolder(options.library);
  const root = await realpath(library.dir);
  const index = await readPageIndex(library.dir);
  const pictures = new Map<string, Buffer>();
  for (const [name, [width, height]] of Object.entries(placeholders))
    pictures.set(name, await drawPlaceholder(width, height));
  const counters = createRequestCounters();
  const limit = limiter(requestsPerSecondMax);
  let faults = parseFaults(options.faults ?? {});
  let plan = planFaults(faults, seed);

  const app = Fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 200 } });
  app.addHook('onRequest', async (request, reply) => {
    const kind = kindOf(request.url);
    counters.arrived(kind);
    reply.raw.once('close', () => counters.ended(reply.raw.headersSent ? reply.raw.statusCode : undefined));
    const retryAfterSeconds = limit();
    if (retryAfterSeconds !== undefined) {
      return reply
        .code(429)
        .header('retry-after', String(retryAfterSeconds))
        .type('text/plain')
        .send('API calls quota exceeded! Please retry later.');
    }
    if (kind === 'export' ? faults.on !== 'all' : kind !== 'image' && kind !== 'redirect') return;
    const fault = plan.next(request.url);
    if (!fault) return;
    counters.fault(fault);
    return await misbehave(fault, request, reply);
  });

  app.get<{ Params: { name: string } }>('/data/:name', async (request, reply) => {
    const { name } = request.params;
    if (!/^[a-z]+\.txt\.gz$/.test(name)) return notThere(reply);
    return await send(request, reply, join(root, 'data', name), 'binary/octet-stream');
  });

  app.get<{ Params: { barCode: string; name: string } }>('/web/:barCode/:name', async (request, reply) => {
    const path = imageFile(request.params.barCode, request.params.name);
    return path ? await send(request, reply, path, 'image/webp') : notThere(reply);
  });

  app.get<{ Params: { id: string } }>('/pageimage/:id', (request, reply) =>
    toImage(reply, request.params.id, () => 'full', 'image_not_found.jpg'),
  );

  app.get<{ Params: { id: string } }>('/pagethumb/:id', (request, reply) => {
    const [id = '', width] = request.params.id.split(',');
    return toImage(reply, id, () => sizeForWidth(width), 'image_not_found_thumb.jpg');
  });

  app.get<{ Params: { name: string } }>('/images/:name', (request, reply) => {
    const picture = pictures.get(request.params.name);
    return picture ? reply.type('image/jpeg').header('content-length', picture.length).send(picture) : notThere(reply);
  });

  app.setNotFoundHandler((_request, reply) => notThere(reply));

  function imageFile(barCode: string, name: string): string | undefined {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(barCode) || !name.startsWith(`${barCode}_`)) return undefined;
    const match = /^(\d{4,6})_([a-z]+)\.webp$/.exec(name.slice(barCode.length + 1));
    const size = imageSizes.find((known) => known === match?.[2]);
    if (!match || !size) return undefined;
    return join(root, 'web', barCode, `${barCode}_${match[1]}_${library.storedSize(size)}.webp`);
  }

  function toImage(reply: FastifyReply, id: string, size: () => ImageSize, placeholder: keyof typeof placeholders) {
    // BHL parses the id as a 32-bit integer and sends what is none to its error page.
    if (!/^\d{1,10}$/.test(id) || Number(id) > 2_147_483_647) return reply.redirect(`${url}/pagenotfound`, 302);
    const page = index.find(Number(id));
    if (!page) return reply.redirect(`${url}/images/${placeholder}`, 302);
    return reply.redirect(`${url}/${bucketImagePath(page, size())}`, 302);
  }

  async function misbehave(fault: FaultKind, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    switch (fault) {
      case 'slow':
        await sleep(faults.slowMs ?? 1500);
        return undefined;
      case 'html':
        return reply.code(200).type('text/html; charset=utf-8').send(errorPage);
      case 'serverError': {
        const code = createRandom(`status/${seed}/${request.url}`).pick([500, 502, 503]);
        return reply.code(code).type('text/html; charset=utf-8').send(errorPage);
      }
      case 'reset':
        reply.hijack();
        request.raw.socket.resetAndDestroy();
        return reply;
      case 'cutShort':
        return await cutShort(request, reply);
    }
  }

  /** Announces the whole body, sends half of it and hangs up. A redirect has no body to cut, so half of an error page stands for it. */
  async function cutShort(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const [, folder, ...rest] = new URL(request.url, 'http://bhl').pathname.split('/');
    const path =
      folder === 'web' && rest.length === 2
        ? imageFile(rest[0]!, rest[1]!)
        : folder === 'data' && /^[a-z]+\.txt\.gz$/.test(rest[0]!)
          ? join(root, 'data', rest[0]!)
          : undefined;
    const served = path ? await openBelow(root, path) : undefined;
    if (path && !served) return notThere(reply);
    reply.hijack();
    const { raw } = reply;
    if (!served) {
      raw.writeHead(200, { 'content-type': 'text/html', 'content-length': errorPage.length });
      raw.write(errorPage.slice(0, errorPage.length / 2), () => raw.destroy());
      return reply;
    }
    raw.writeHead(200, {
      'content-type': folder === 'web' ? 'image/webp' : 'binary/octet-stream',
      'content-length': served.bytes,
      etag: served.etag,
    });
    const half = served.file.createReadStream({ start: 0, end: Math.max(0, Math.floor(served.bytes / 2) - 1) });
    half.on('end', () => raw.destroy()).on('error', () => raw.destroy());
    half.pipe(raw, { end: false });
    return reply;
  }

  async function send(request: FastifyRequest, reply: FastifyReply, path: string, type: string): Promise<FastifyReply> {
    const served = await openBelow(root, path);
    if (!served) return notThere(reply);
    reply
      .header('etag', served.etag)
      .header('last-modified', served.lastModified)
      .header('accept-ranges', 'bytes')
      .type(type);
    if (matches(request.headers['if-none-match'], served)) {
      await served.file.close();
      return reply.code(304).send();
    }
    const conditional = request.headers['if-range'];
    const range =
      conditional !== undefined && conditional !== served.etag ? 'whole' : rangeOf(request.headers.range, served.bytes);
    if (range === 'unsatisfiable') {
      await served.file.close();
      return reply.code(416).header('content-range', `bytes */${served.bytes}`).send();
    }
    const { from, to } = range === 'whole' ? { from: 0, to: served.bytes - 1 } : range;
    if (range !== 'whole') reply.code(206).header('content-range', `bytes ${from}-${to}/${served.bytes}`);
    reply.header('content-length', to - from + 1);
    if (request.method === 'HEAD') {
      await served.file.close();
      // Fastify would say that the length is 0, as it is of the answer to HEAD.
      reply.hijack();
      reply.raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders).end();
      return reply;
    }
    if (to < from) {
      await served.file.close();
      return reply.send(Readable.from([]));
    }
    return reply.send(served.file.createReadStream({ start: from, end: to }));
  }

  await app.listen({ host, port });
  const { port: bound } = app.server.address() as { port: number };
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  return {
    url,
    port: bound,
    pageCount: index.pageCount,
    indexFault: index.fault,
    counters: counters.read,
    arrivals: counters.arrivals,
    resetCounters: counters.reset,
    setFaults: (next) => {
      faults = parseFaults(next);
      plan = planFaults(faults, seed);
    },
    close: () => app.close(),
  };
}

function kindOf(url: string): RequestKind {
  if (url.startsWith('/data/')) return 'export';
  if (url.startsWith('/web/')) return 'image';
  if (url.startsWith('/pageimage/') || url.startsWith('/pagethumb/')) return 'redirect';
  return url.startsWith('/images/') ? 'placeholder' : 'unknown';
}

/** BHL looks at the width alone; without one it takes its default of 150. */
function sizeForWidth(width: string | undefined): ImageSize {
  const pixels = width !== undefined && /^\d+$/.test(width) ? Number(width) : 150;
  if (pixels <= 150) return 'thumb';
  if (pixels <= 235) return 'small';
  if (pixels <= 465) return 'medium';
  return pixels <= 930 ? 'large' : 'full';
}

function notThere(reply: FastifyReply): FastifyReply {
  return reply
    .code(404)
    .type('text/html; charset=utf-8')
    .send('<!DOCTYPE html>\n<html><body><h1>Page Not Found</h1></body></html>\n');
}

function matches(ifNoneMatch: string | undefined, { etag }: ServedFile): boolean {
  return (
    ifNoneMatch !== undefined &&
    (ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag))
  );
}

/** A bucket that holds one second's requests and refills evenly; says after how many seconds to come back, or nothing. */
function limiter(requestsPerSecondMax: number | undefined): () => number | undefined {
  if (requestsPerSecondMax === undefined) return () => undefined;
  let tokens = requestsPerSecondMax;
  let filledAt = performance.now();
  return () => {
    const now = performance.now();
    tokens = Math.min(requestsPerSecondMax, tokens + ((now - filledAt) / 1000) * requestsPerSecondMax);
    filledAt = now;
    if (tokens < 1) return 1;
    tokens -= 1;
    return undefined;
  };
}
