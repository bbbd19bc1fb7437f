import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type FetchImageOptions,
  fetchImage,
  type ImageClient,
  openImageClient,
  type RequestReport,
  readRetryAfterMs,
} from './image-fetch.ts';
import type { ImageSource } from './image-sources.ts';

const image = await sharp({ create: { width: 46, height: 73, channels: 3, background: '#cba' } })
  .webp()
  .toBuffer();
const placeholder = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } })
  .jpeg()
  .toBuffer();

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const servers: Server[] = [];
const clients: ImageClient[] = [];
let handler: Handler;
let requests: { path: string; headers: IncomingMessage['headers'] }[];
let reports: RequestReport[];
let origin: string;

async function serve(handle: Handler): Promise<string> {
  const server = createServer(handle);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeEach(async () => {
  requests = [];
  reports = [];
  origin = await serve((request, response) => {
    requests.push({ path: request.url!, headers: request.headers });
    handler(request, response);
  });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

const aSource = (over: Partial<ImageSource> = {}): ImageSource => ({
  name: 'bucket',
  addressing: 'bucket',
  baseUrl: origin,
  requestsPerSecond: 1000,
  inFlightMax: 8,
  redirectHosts: [],
  ...over,
});
const page = { pageId: 7, barCode: 'abc', sequence: 3 };

function fetchWith(
  sources: ImageSource[],
  options: Partial<FetchImageOptions & typeof page> = {},
  placeholderSha256s: string[] = [],
) {
  const client = openImageClient({
    sources,
    contact: 'plates@example.org',
    placeholderSha256s,
    onRequest: (report) => reports.push(report),
  });
  clients.push(client);
  return fetchImage(client, { ...page, ...options }, { size: 'medium', deadlineMs: 5000, ...options });
}

/** Answers with each entry in turn, the last one for ever. */
function inTurn(...answers: Handler[]): Handler {
  let at = 0;
  return (request, response) => answers[Math.min(at++, answers.length - 1)]!(request, response);
}
const good: Handler = (_, response) => response.setHeader('content-type', 'image/webp').end(image);
const status =
  (code: number, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    response.writeHead(code, headers).end('no');
const html: Handler = (_, response) => response.writeHead(200).end('<html><body>Maintenance</body></html>');
const cut: Handler = (_, response) => {
  response.writeHead(200, { 'content-length': image.length });
  response.write(image.subarray(0, 50), () => response.destroy());
};
const reset: Handler = (request) => request.socket.destroy();

describe('a good answer', () => {
  it('comes back checked, hashed and measured, asked for by an honest guest', async () => {
    handler = good;
    const outcome = await fetchWith([aSource()]);
    expect(outcome).toMatchObject({ kind: 'fetched', format: 'webp', width: 46, height: 73, source: 'bucket' });
    expect(outcome.kind === 'fetched' && outcome.bytes.equals(image)).toBe(true);
    expect(requests).toHaveLength(1);
    expect(requests[0]!.path).toBe('/web/abc/abc_0003_medium.webp');
    expect(requests[0]!.headers['user-agent']).toMatch(/^Florilegium\/.*contact: plates@example\.org/);
    expect(reports).toMatchObject([{ source: 'bucket', result: 'fetched', bytes: image.length }]);
  });
});

describe('a large image', () => {
  // Noise that no format makes small.
  const noise = randomBytes(400 * 400 * 3);
  const large = sharp(noise, { raw: { width: 400, height: 400, channels: 3 } })
    .png()
    .toBuffer();

  it.each([
    ['announced', true],
    ['of unknown length', false],
  ])('%s comes back whole, again and again in the same memory', async (_, isAnnounced) => {
    const bytes = await large;
    expect(bytes.length).toBeGreaterThan(200_000);
    handler = (_, response) => {
      if (isAnnounced) response.setHeader('content-length', bytes.length);
      response.write(bytes.subarray(0, 100_000));
      response.end(bytes.subarray(100_000));
    };
    const client = openImageClient({ sources: [aSource()], contact: 'plates@example.org' });
    clients.push(client);
    for (let round = 0; round < 3; round++) {
      const outcome = await fetchImage(client, page, { size: 'medium' });
      if (outcome.kind !== 'fetched') throw new Error(outcome.reason);
      expect(outcome).toMatchObject({ format: 'png', width: 400, height: 400 });
      expect(outcome.bytes.equals(bytes)).toBe(true);
      expect(outcome.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      outcome.release();
    }
  });
});

describe('faults that pass', () => {
  it.each([
    ['a 500', status(500)],
    ['a 503', status(503)],
    ['a reset connection', reset],
    ['a body cut short', cut],
    ['an HTML page with status 200', html],
    ['a 429 that names a time', status(429, { 'retry-after': '0' })],
  ])('%s is followed by the good image', async (_, fault) => {
    handler = inTurn(fault, good);
    expect(await fetchWith([aSource()])).toMatchObject({ kind: 'fetched' });
    expect(requests).toHaveLength(2);
  });

  it('Retry-After is waited for by everybody who goes to that host', async () => {
    handler = inTurn(status(429, { 'retry-after': '1' }), good);
    const before = performance.now();
    expect(await fetchWith([aSource()])).toMatchObject({ kind: 'fetched' });
    expect(performance.now() - before).toBeGreaterThan(990);
    expect(reports.map((report) => report.result)).toEqual(['throttled', 'fetched']);
  });
});

describe('faults that stay', () => {
  it('an HTML page with status 200 is corrupt, never an image', async () => {
    handler = html;
    expect(await fetchWith([aSource()])).toEqual({
      kind: 'corrupt',
      reason: 'bucket: not an image: an HTML page',
      isImage: false,
    });
    expect(requests).toHaveLength(3);
  });

  it('a longer body than allowed is refused before it is read, whether announced or not', async () => {
    const limits = { imageBytesMax: 60, imagePixelsMax: 1e6 };
    handler = good;
    expect(await fetchWith([aSource()], { limits })).toMatchObject({
      kind: 'corrupt',
      reason: expect.stringMatching(/announced, over the limit of 60/),
    });
    handler = (_, response) => {
      response.writeHead(200);
      response.write(image);
      response.end(image);
    };
    expect(await fetchWith([aSource()], { limits })).toMatchObject({
      kind: 'corrupt',
      reason: expect.stringMatching(/more than 60 bytes/),
    });
  });

  it('5xx to the end says retry later; so does a host that is not there', async () => {
    handler = status(502);
    expect(await fetchWith([aSource()])).toMatchObject({
      kind: 'retry-later',
      throttled: false,
      reason: 'bucket: status 502',
    });
    const gone = aSource({ baseUrl: 'http://127.0.0.1:1' });
    expect(await fetchWith([gone])).toMatchObject({
      kind: 'retry-later',
      throttled: false,
      reason: expect.stringMatching(/ECONNREFUSED/),
    });
  });

  it('a wait longer than the deadline is handed back, not sat out', async () => {
    handler = status(429, { 'retry-after': '3600' });
    expect(await fetchWith([aSource()])).toEqual({
      kind: 'retry-later',
      reason: 'bucket: status 429',
      retryAfterMs: 3_600_000,
      throttled: true,
    });
    expect(requests).toHaveLength(1);
  });

  it('a server that says nothing is given up at the deadline', async () => {
    handler = () => {};
    const before = performance.now();
    expect(await fetchWith([aSource()], { deadlineMs: 300 })).toMatchObject({ kind: 'retry-later' });
    expect(performance.now() - before).toBeLessThan(1500);
  });

  it('a refusal is blocked and not asked again', async () => {
    handler = status(403);
    expect(await fetchWith([aSource()])).toEqual({ kind: 'blocked', reason: 'bucket: status 403' });
    expect(requests).toHaveLength(1);
  });

  it('404 is missing', async () => {
    handler = status(404);
    expect(await fetchWith([aSource()])).toEqual({ kind: 'missing', reason: 'bucket: status 404' });
  });
});

describe('redirects', () => {
  const bhl = () => aSource({ name: 'bhl', addressing: 'pageimage' });

  it('are followed to the host of another source', async () => {
    const bucket = await serve(good);
    handler = status(302, { location: `${bucket}/web/abc/abc_0003_full.webp` });
    const sources = [bhl(), aSource({ name: 'other', baseUrl: bucket })];
    expect(await fetchWith(sources, { size: 'full' })).toMatchObject({
      kind: 'fetched',
      source: 'bhl',
      url: `${bucket}/web/abc/abc_0003_full.webp`,
    });
    expect(requests[0]!.path).toBe('/pageimage/7');
  });

  it('to a host that is not allowed are blocked without a request to it', async () => {
    let asked = 0;
    const elsewhere = await serve((request, response) => {
      asked++;
      good(request, response);
    });
    handler = status(302, { location: `${elsewhere}/x.webp` });
    expect(await fetchWith([bhl()])).toMatchObject({ kind: 'blocked', reason: expect.stringMatching(/not allowed/) });
    expect(asked).toBe(0);
    const host = new URL(elsewhere).host;
    expect(await fetchWith([{ ...bhl(), redirectHosts: [host] }])).toMatchObject({ kind: 'fetched' });
  });

  it('to BHL\'s "image not found" picture are a placeholder, and the picture is not fetched', async () => {
    handler = status(302, { location: 'https://beta.biodiversitylibrary.org/images/image_not_found.jpg' });
    expect(await fetchWith([bhl()])).toMatchObject({ kind: 'placeholder' });
    expect(requests).toHaveLength(1);
  });

  it('in a ring end', async () => {
    handler = (_, response) => response.writeHead(302, { location: '/pagethumb/again' }).end();
    expect(await fetchWith([bhl()])).toMatchObject({ kind: 'blocked', reason: expect.stringMatching(/redirects/) });
    expect(requests).toHaveLength(5);
  });

  it('to other protocols are blocked', async () => {
    handler = status(302, { location: 'file:///etc/passwd' });
    expect(await fetchWith([bhl()])).toMatchObject({ kind: 'blocked' });
  });
});

it('knows a placeholder by its hash where its address is innocent', async () => {
  handler = (_, response) => response.end(placeholder);
  const first = await fetchWith([aSource()]);
  if (first.kind !== 'fetched') throw new Error(first.kind);
  expect(await fetchWith([aSource()], {}, [first.sha256])).toMatchObject({ kind: 'placeholder' });
});

describe('several sources', () => {
  it('are asked in order, and the second one serves what the first lacks', async () => {
    const second = await serve(good);
    handler = status(404);
    expect(await fetchWith([aSource(), aSource({ name: 'second', baseUrl: second })])).toMatchObject({
      kind: 'fetched',
      source: 'second',
    });
  });

  it('say missing only when all do', async () => {
    const down = await serve(status(500));
    handler = status(404);
    expect(await fetchWith([aSource(), aSource({ name: 'down', baseUrl: down })])).toMatchObject({
      kind: 'retry-later',
      reason: 'down: status 500',
    });
  });
});

it('takes a bar code that makes no address as a page that is missing there', async () => {
  handler = good;
  expect(await fetchWith([aSource()], { barCode: '../../etc' })).toMatchObject({
    kind: 'missing',
    reason: expect.stringContaining('no address'),
  });
  expect(requests).toEqual([]);
});

describe('a host that fails for one page after the other', () => {
  const get = (client: ImageClient, pageId: number) =>
    fetchImage(client, { ...page, pageId }, { size: 'medium', attemptsMax: 1, deadlineMs: 400 });

  it('is left alone for a while after sixteen', async () => {
    handler = status(500);
    const client = openImageClient({ sources: [aSource()], contact: 'plates@example.org' });
    clients.push(client);
    for (let pageId = 1; pageId <= 16; pageId++) expect(await get(client, pageId)).toMatchObject({ throttled: false });
    expect(await get(client, 17)).toMatchObject({ kind: 'retry-later', throttled: true });
    expect(requests).toHaveLength(16);
  });

  it.each([
    ['refuses', status(403), 'blocked'],
    ['sends HTML with status 200 for', html, 'corrupt'],
    ['leads elsewhere with', status(302, { location: 'https://login.example/' }), 'blocked'],
  ])(
    'and %s every page is left alone too, and not believed until it has given a good answer',
    async (_, fault, kind) => {
      handler = fault;
      const client = openImageClient({ sources: [aSource()], contact: 'plates@example.org' });
      clients.push(client);
      for (let pageId = 1; pageId <= 15; pageId++) expect(await get(client, pageId)).toMatchObject({ kind });
      expect(await get(client, 16)).toMatchObject({ kind: 'retry-later', throttled: false });
      expect(await get(client, 17)).toMatchObject({ kind: 'retry-later', throttled: true });
      expect(requests).toHaveLength(16);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(await get(client, 17)).toMatchObject({ kind: 'retry-later', throttled: false });
      handler = good;
      expect(await get(client, 17)).toMatchObject({ kind: 'fetched' });
      handler = fault;
      expect(await get(client, 18)).toMatchObject({ kind });
    },
  );

  it('is found out behind the host that redirects to it, though the redirects are good', async () => {
    const bucket = await serve(status(403));
    handler = status(302, { location: `${bucket}/web/abc/abc_0003_full.webp` });
    const bhl = aSource({ addressing: 'pageimage', redirectHosts: [new URL(bucket).host] });
    const client = openImageClient({ sources: [bhl], contact: 'plates@example.org' });
    clients.push(client);
    for (let pageId = 1; pageId <= 15; pageId++) await get(client, pageId);
    expect(await get(client, 16)).toMatchObject({ kind: 'retry-later' });
  });

  it('is not blamed for one page that fails for ever, nor when it succeeds between', async () => {
    handler = status(500);
    const client = openImageClient({ sources: [aSource()], contact: 'plates@example.org' });
    clients.push(client);
    for (let i = 0; i < 40; i++) expect(await get(client, 1)).toMatchObject({ throttled: false });
    for (let pageId = 2; pageId <= 16; pageId++) await get(client, pageId === 10 ? 1 : pageId);
    handler = good;
    expect(await get(client, 10)).toMatchObject({ kind: 'fetched' });
    handler = status(500);
    for (let pageId = 20; pageId < 35; pageId++) expect(await get(client, pageId)).toMatchObject({ throttled: false });
  });
});

it('stops when its signal aborts', async () => {
  handler = () => {};
  const abort = new AbortController();
  const given = fetchWith([aSource()], { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 50);
  await expect(given).rejects.toThrow('enough');
});

it('reads both forms of Retry-After', () => {
  expect(readRetryAfterMs('120')).toBe(120_000);
  expect(readRetryAfterMs('Wed, 21 Oct 2026 07:28:30 GMT', Date.parse('2026-10-21T07:28:00Z'))).toBe(30_000);
  expect(readRetryAfterMs('soon')).toBeUndefined();
  expect(readRetryAfterMs(undefined)).toBeUndefined();
});
