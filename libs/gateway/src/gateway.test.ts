import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, type GatewayFailure, startGateway } from './gateway.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

const opened: { close(): unknown }[] = [];
afterAll(() => Promise.all(opened.map((open) => open.close())));

async function aService(port: number, answer: (path: string, headers: IncomingHttpHeaders) => string): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end(answer(request.url ?? '', request.headers)));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  opened.push(server);
  return server;
}

async function aGateway(options: Partial<Parameters<typeof startGateway>[0]>): Promise<Gateway> {
  const gateway = await startGateway({ port: 0, routes: [], refuseForeignPages: true, log: () => {}, ...options });
  opened.push(gateway);
  return gateway;
}

/** fetch sets Host and Sec-Fetch-Site itself. */
async function ask(
  url: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; body: string }> {
  const asking = httpRequest(url, { method, headers, agent: false }).end();
  const [response] = await once(asking, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}

it('tells the service by which address it was asked', async () => {
  const port = await freePort();
  await aService(port, (_path, headers) => `${headers['x-forwarded-proto']}://${headers['x-forwarded-host']}`);
  const { url } = await aGateway({ routes: [{ path: '/a', url: `http://127.0.0.1:${port}` }] });
  expect((await ask(`${url}/a`, { 'x-forwarded-host': 'elsewhere.example' })).body).toBe(url);
});

describe('without API keys', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    const port = await freePort();
    await aService(port, () => 'labels');
    gateway = await aGateway({ routes: [{ path: '/v1/labels', url: `http://127.0.0.1:${port}` }] });
  });

  it('refuses names other than this machine, as DNS rebinding brings', async () => {
    const url = `${gateway.url}/v1/labels`;
    expect((await ask(url, { host: 'evil.example:8080' })).status).toBe(403);
    expect((await ask(url, { host: 'localhost:8080' })).status).toBe(200);
    expect((await ask(url, { host: '[::1]:8080' })).status).toBe(200);
  });

  it('refuses writes that another site sends through the browser', async () => {
    const url = `${gateway.url}/v1/labels`;
    expect((await ask(url, { 'sec-fetch-site': 'cross-site' }, 'POST')).status).toBe(403);
    expect((await ask(url, { 'sec-fetch-site': 'same-origin' }, 'POST')).status).toBe(200);
    expect((await ask(url, { 'sec-fetch-site': 'cross-site' })).status).toBe(200);
  });

  it('answers 404 where no service is', async () => {
    const { status, body } = await ask(`${gateway.url}/v1/other`, {});
    expect(status).toBe(404);
    expect(JSON.parse(body)).toMatchObject({ code: 'not_found', detail: '/v1/other is not known' });
  });
});

it('sends a read again until the service is back, and its answer once', async () => {
  const port = await freePort();
  const gateway = await aGateway({ routes: [{ path: '/', url: `http://127.0.0.1:${port}` }] });
  const answer = fetch(`${gateway.url}/v1/pages/12`);
  await sleep(700);
  let asked = 0;
  await aService(port, (path) => {
    asked++;
    return path;
  });
  expect(await (await answer).text()).toBe('/v1/pages/12');
  expect(asked).toBe(1);
});

it('sends a short write again that reached nobody', async () => {
  const port = await freePort();
  const gateway = await aGateway({ routes: [{ path: '/', url: `http://127.0.0.1:${port}` }] });
  const answer = fetch(`${gateway.url}/v1/labels`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1.0}',
  });
  await sleep(400);
  const bodies = await aBreakingService(port, 0);
  expect((await answer).status).toBe(200);
  expect(bodies).toEqual(['{"a":1.0}']);
});

it('sends a write that may have been carried again only with an Idempotency-Key', async () => {
  const port = await freePort();
  const bodies = await aBreakingService(port, 2);
  const gateway = await aGateway({ routes: [{ path: '/', url: `http://127.0.0.1:${port}` }] });
  const post = (headers: Record<string, string>, body: string) =>
    fetch(`${gateway.url}/v1/labels`, { method: 'POST', headers, body });
  expect((await post({}, 'once')).status).toBe(502);
  expect(bodies).toEqual(['once']);
  expect((await post({ 'idempotency-key': 'k1' }, 'twice')).status).toBe(200);
  expect(bodies).toEqual(['once', 'twice', 'twice']);
});

it('passes a long body on as it comes, and once', async () => {
  const port = await freePort();
  const gateway = await aGateway({ routes: [{ path: '/', url: `http://127.0.0.1:${port}` }] });
  const post = () =>
    fetch(`${gateway.url}/v1/labels`, {
      method: 'POST',
      headers: { 'idempotency-key': 'k2' },
      body: 'x'.repeat(3 << 20),
    });
  const response = await post();
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(await response.json()).toMatchObject({ detail: 'the service is not there at the moment' });
  const bodies = await aBreakingService(port, 0);
  expect((await post()).status).toBe(200);
  expect(bodies[0]).toHaveLength(3 << 20);
});

/** Reads each request to its end, then breaks the connection of the first so many without an answer. Gives the bodies that came. */
async function aBreakingService(port: number, breaks: number): Promise<string[]> {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    if (bodies.length <= breaks) request.socket.destroy();
    else response.end('stored');
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  opened.push(server);
  return bodies;
}

it('gives up on a service that stays away', async () => {
  const port = await freePort();
  const gateway = await aGateway({ routes: [{ path: '/', url: `http://127.0.0.1:${port}` }], retryTimeoutMs: 500 });
  expect((await fetch(`${gateway.url}/`)).status).toBe(503);
});

it('tells of what it answers with 5xx, and of nothing else', async () => {
  const port = await freePort();
  const failures: GatewayFailure[] = [];
  const gateway = await aGateway({
    routes: [{ path: '/v1', url: `http://127.0.0.1:${port}` }],
    retryTimeoutMs: 100,
    onFailure: (failure) => failures.push(failure),
  });
  expect((await fetch(`${gateway.url}/v1/pages?key=secret`, { headers: { 'x-request-id': 'r-1' } })).status).toBe(503);
  expect((await fetch(`${gateway.url}/elsewhere`)).status).toBe(404);
  expect(failures).toEqual([
    {
      requestId: 'r-1',
      method: 'GET',
      path: '/v1/pages',
      status: 503,
      reason: 'the service is not there at the moment',
      code: 'ECONNREFUSED',
    },
  ]);
});

it('cuts an answer off that stands still', async () => {
  const port = await freePort();
  const server = createServer((_request, response) => void response.write('the beginning')).listen(port, '127.0.0.1');
  await once(server, 'listening');
  opened.push({ close: () => server.closeAllConnections() }, server);
  const gateway = await aGateway({ routes: [{ path: '/', url: `http://127.0.0.1:${port}` }], bodyTimeoutMs: 500 });
  const response = await fetch(`${gateway.url}/v1/images/1`);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
}, 10_000);
