import { request } from 'node:http';
import { createAuthenticator, hashApiKey } from '@florilegium/auth';
import { failedPrecondition, notFound, resourceExhausted } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpApp, followChanges, type HttpApp, idempotencyKeyOf, sendEvents } from './index.ts';

let app: HttpApp;
let address: string;
let broken = false;
const viewer = { authorization: 'Bearer v' };
const operator = { authorization: 'Bearer o' };

beforeAll(async () => {
  app = await createHttpApp({
    service: 'sample',
    title: 'Sample',
    description: 'A service for this test',
    log: silentLog,
    authenticator: createAuthenticator({
      required: true,
      keys: [
        { name: 'vera', role: 'viewer', sha256: hashApiKey('v') },
        { name: 'olga', role: 'operator', sha256: hashApiKey('o') },
      ],
    }),
    readiness: {
      database: async () => {
        if (broken) throw new Error('no connection');
      },
    },
  });
  const body = Type.Object(
    {
      labels: Type.Array(
        Type.Object(
          { pageId: Type.Integer(), label: Type.Union([Type.Literal('HQ'), Type.Literal('LQ')]) },
          { additionalProperties: false },
        ),
      ),
    },
    { additionalProperties: false },
  );
  app.post('/v1/labels', { config: { role: 'operator' }, schema: { body, summary: 'Labels' } }, async (request) => ({
    count: request.body.labels.length,
    by: request.principal.name,
    key: idempotencyKeyOf(request) ?? null,
  }));
  app.get(
    '/v1/things/:id',
    { config: { role: 'viewer' }, schema: { params: Type.Object({ id: Type.Integer() }) } },
    async (request, reply) => {
      reply.header('etag', '"thing"').header('cache-control', 'private, max-age=31536000, immutable');
      if (request.params.id === 1) throw notFound('thing', 1);
      if (request.params.id === 2) throw resourceExhausted('slow down', { retryAfterMs: 1500 });
      if (request.params.id === 3) throw new Error('password=hunter2');
      if (request.params.id === 4) throw failedPrecondition('not yet');
      return { id: request.params.id };
    },
  );
  let step = 0;
  app.get('/v1/steps', { config: { role: 'viewer' } }, (request, reply) =>
    sendEvents(request, reply, async function* (signal) {
      for await (const state of followChanges({
        read: async () => ({ step: Math.min(++step, 3) }),
        ended: (s) => s.step === 3,
        signal,
        intervalMs: 5,
      }))
        yield { event: 'progress', data: state };
    }),
  );
  address = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => app.close());

const post = (payload: unknown, headers: Record<string, string> = operator) =>
  app.inject({
    method: 'POST',
    url: '/v1/labels',
    headers: { 'content-type': 'application/json', ...headers },
    payload: JSON.stringify(payload),
  });

describe('the app of a service', () => {
  it('refuses a route that names no role', () => {
    expect(() => app.get('/v1/open', async () => 1)).toThrow();
  });

  it('tells who calls, and keeps out missing keys and low roles', async () => {
    expect((await post({ labels: [] })).json()).toEqual({ count: 0, by: 'olga', key: null });
    expect((await post({ labels: [] }, { ...operator, 'idempotency-key': 'k-1' })).json().key).toBe('k-1');
    expect((await post({ labels: [] }, viewer)).json()).toMatchObject({ status: 403, code: 'permission_denied' });
    const refused = await app.inject('/v1/things/9');
    expect(refused.headers['content-type']).toContain('application/problem+json');
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    expect(refused.json()).toMatchObject({ status: 401, code: 'unauthenticated', requestId: expect.any(String) });
  });

  it('names the field of a bad body, and takes no text for a number there', async () => {
    expect(
      (
        await post({
          labels: [
            { pageId: 1, label: 'HQ' },
            { pageId: '2', label: 'HQ' },
          ],
        })
      ).json(),
    ).toMatchObject({
      code: 'invalid_argument',
      field: 'labels.1.pageId',
    });
    expect((await post({ labels: [{ pageId: 1, label: 'HQ', x: 1 }] })).json()).toMatchObject({
      field: 'labels.0.x',
      detail: 'body.labels.0.x is not known',
    });
    expect((await post({})).json()).toMatchObject({ field: 'labels', detail: 'body.labels is missing' });
    expect((await post({ labels: [] }, { ...operator, 'idempotency-key': 'a b' })).json()).toMatchObject({
      field: 'Idempotency-Key',
    });
    const broken = await app.inject({
      method: 'POST',
      url: '/v1/labels',
      headers: { 'content-type': 'application/json', ...operator },
      payload: '{',
    });
    expect(broken.json()).toMatchObject({ status: 400, code: 'invalid_argument' });
  });

  it('maps codes to statuses and shows nothing of unknown errors', async () => {
    const get = (id: string) => app.inject({ url: `/v1/things/${id}`, headers: viewer });
    expect((await get('7')).json()).toEqual({ id: 7 });
    expect((await get('x')).json()).toMatchObject({ status: 400, field: 'id' });
    expect((await get('1')).json()).toMatchObject({ status: 404, detail: 'thing 1 is not known' });
    const slow = await get('2');
    expect([slow.statusCode, slow.headers['retry-after']]).toEqual([429, '2']);
    const unknown = await get('3');
    expect(unknown.statusCode).toBe(500);
    expect(unknown.body).not.toContain('hunter2');
    expect([unknown.headers.etag, unknown.headers['cache-control']]).toEqual([undefined, 'no-store']);
    expect((await get('7')).headers).toMatchObject({
      etag: '"thing"',
      'cache-control': expect.stringContaining('immutable'),
    });
    expect((await get('4')).json()).toMatchObject({ status: 400, code: 'failed_precondition' });
    expect((await app.inject('/v1/nowhere')).json()).toMatchObject({
      status: 404,
      detail: 'address /v1/nowhere is not known',
    });
  });

  it('streams changes until they end', async () => {
    const response = await fetch(`${address}/v1/steps`, { headers: viewer });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(await response.text()).toBe([1, 2, 3].map((step) => `event: progress\ndata: {"step":${step}}\n\n`).join(''));
  });

  it('is alive always and ready only when its checks pass', async () => {
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    broken = true;
    const response = await app.inject('/readyz');
    expect([response.statusCode, response.json()]).toEqual([
      503,
      { status: 'not ready', checks: { database: 'away' } },
    ]);
    expect((await app.inject('/livez')).statusCode).toBe(200);
  });

  it.each(['x-forwarded-for', 'x-forwarded-host'])(
    'shows its metrics to nobody behind a proxy (%s)',
    async (header) => {
      expect((await app.inject('/metrics')).statusCode).toBe(200);
      const response = await app.inject({ url: '/metrics', headers: { [header]: '203.0.113.7' } });
      expect([response.statusCode, response.body.includes('florilegium_')]).toEqual([404, false]);
    },
  );

  it('tells what it can do without, and is ready without it', async () => {
    const lonely = await createHttpApp({
      service: 'lonely',
      title: 'Lonely',
      description: 'A service whose NATS is away',
      log: silentLog,
      authenticator: createAuthenticator({ required: false, keys: [] }),
      readiness: { database: async () => {} },
      shown: { nats: () => Promise.reject(new Error('nats does not answer')) },
    });
    const response = await lonely.inject('/readyz');
    expect([response.statusCode, response.json()]).toEqual([
      200,
      { status: 'ok', checks: { database: 'ok', nats: 'away' } },
    ]);
    await lonely.close();
  });

  it('describes itself in OpenAPI 3.1 with the role of each operation, and counts requests', async () => {
    const document = (await app.inject('/v1/openapi/sample.json')).json();
    expect(document.openapi).toBe('3.1.0');
    expect(document.paths['/v1/labels'].post.description).toBe('Needs the role `operator`.');
    expect(Object.keys(document.paths)).not.toContain('/livez');
    expect((await app.inject('/metrics')).body).toMatch(
      /florilegium_http_request_duration_seconds_count\{method="GET",route="\/v1\/things\/:id",status="4xx"\} \d/,
    );
  });
});

describe('without keys', () => {
  it('refuses what a foreign page sends through the browser of this machine', async () => {
    const open = await createHttpApp({
      service: 'open',
      title: 'Open',
      description: 'A service that asks for no keys',
      log: silentLog,
      authenticator: createAuthenticator({
        required: false,
        keys: [{ name: 'olga', role: 'operator', sha256: hashApiKey('o') }],
      }),
      readiness: {},
    });
    open.post('/v1/retry', { config: { role: 'operator' } }, async () => ({ by: 'done' }));
    open.get('/v1/retry', { config: { role: 'viewer' } }, async () => ({ by: 'read' }));
    const { port } = new URL(await open.listen({ host: '127.0.0.1', port: 0 }));
    const ask = (method: 'GET' | 'POST', path: string, headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    const host = `127.0.0.1:${port}`;
    expect(await ask('POST', '/v1/retry', { host })).toBe(200);
    expect(await ask('POST', '/v1/retry', { host, 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await ask('POST', '/v1/retry', { host, 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await ask('GET', '/v1/retry', { host, 'sec-fetch-site': 'cross-site' })).toBe(200);
    expect(await ask('GET', '/v1/retry', { host: 'rebound.example' })).toBe(403);
    expect(await ask('GET', '/v1/retry', { host: 'rebound.example', ...operator })).toBe(200);
    expect(await ask('GET', '/livez', { host: 'rebound.example' })).toBe(200);
    await open.close();
  });
});

describe('closing', () => {
  async function aClosingApp() {
    const closing = await createHttpApp({
      service: 'closing',
      title: 'Closing',
      description: 'A service that is stopped',
      log: silentLog,
      authenticator: createAuthenticator({ required: false, keys: [] }),
      readiness: {},
      drainTimeoutMs: 500,
    });
    let begun = () => {};
    const started = new Promise<void>((resolve) => {
      begun = resolve;
    });
    closing.get('/v1/slow', { config: { role: 'viewer' } }, async () => {
      begun();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { done: true };
    });
    closing.get('/v1/for-ever', { config: { role: 'viewer' } }, (request, reply) =>
      sendEvents(request, reply, async function* (signal) {
        begun();
        yield { event: 'progress', data: {} };
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }),
    );
    closing.get('/v1/stuck', { config: { role: 'viewer' } }, async () => {
      begun();
      await new Promise(() => {});
    });
    return { app: closing, url: await closing.listen({ host: '127.0.0.1', port: 0 }), started };
  }

  it('lets an answer under way end', async () => {
    const { app: closing, url, started } = await aClosingApp();
    const answer = fetch(`${url}/v1/slow`);
    await started;
    const closed = closing.close();
    expect(await (await answer).json()).toEqual({ done: true });
    await closed;
  });

  it('ends event streams at once', async () => {
    const { app: closing, url, started } = await aClosingApp();
    const stream = await fetch(`${url}/v1/for-ever`);
    await started;
    const startedAt = Date.now();
    await closing.close();
    await stream.text();
    expect(Date.now() - startedAt).toBeLessThan(400);
  });

  it('cuts what does not end in time', async () => {
    const { app: closing, url, started } = await aClosingApp();
    const answer = fetch(`${url}/v1/stuck`).catch((error: Error) => error);
    await started;
    await closing.close();
    expect(await answer).toBeInstanceOf(Error);
  });
});

it('gives each request an id, and takes one that is given', async () => {
  const given = await fetch(`${address}/livez`, { headers: { 'x-request-id': 'abc-1' } });
  expect(given.headers.get('x-request-id')).toBe('abc-1');
  const made = await fetch(`${address}/livez`, { headers: { 'x-request-id': 'not an id' } });
  expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});
