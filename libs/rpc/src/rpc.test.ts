import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { createAuthenticator, hashApiKey } from '@florilegium/auth';
import { CatalogServiceDefinition, type CatalogServiceImplementation, PageRef } from '@florilegium/contracts/catalog';
import { failedPrecondition, notFound } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { createChannel, createClient } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRpcClient, type RpcServer, startRpcServer } from './index.ts';

let server: RpcServer;
let calls = 0;
const authenticator = createAuthenticator({
  required: true,
  keys: [
    { name: 'vera', role: 'viewer', sha256: hashApiKey('v') },
    { name: 'olga', role: 'operator', sha256: hashApiKey('o') },
  ],
});

const partial: Partial<CatalogServiceImplementation> = {
  getPage: async ({ pageId }) => {
    calls += 1;
    if (pageId === 404) throw notFound('page', pageId);
    if (pageId === 500) throw new Error('password=hunter2');
    if (pageId === 1) await new Promise((resolve) => setTimeout(resolve, 2000));
    return { page: { ref: PageRef.fromPartial({ pageId }) } };
  },
  startImport: async () => {
    throw failedPrecondition('an import is running', { field: 'source' });
  },
  async *streamPages(request) {
    if (request.selection?.$case === 'rule' && request.selection.value === 'slow')
      for (;;) {
        yield { pages: [PageRef.fromPartial({ pageId: 1 })] };
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    for (let start = 0; start < 1500; start += 500)
      yield { pages: Array.from({ length: 500 }, (_, index) => PageRef.fromPartial({ pageId: start + index })) };
  },
};

// nice-grpc wants every method; those that this test does not call end the test when called.
const implementation = Object.fromEntries(
  Object.keys(CatalogServiceDefinition.methods).map((name) => [
    name,
    partial[name as keyof CatalogServiceImplementation] ??
      (async () => {
        throw new Error(`${name} is not part of this test`);
      }),
  ]),
);

const start = (port = 0, drainTimeoutMs?: number, connectionAgeMaxMs?: number) =>
  startRpcServer({
    drainTimeoutMs,
    connectionAgeMaxMs,
    definition: CatalogServiceDefinition,
    implementation,
    authenticator,
    log: silentLog,
    host: '127.0.0.1',
    port,
  });
const connect = (apiKey?: string, deadlineMs?: number) =>
  createRpcClient(CatalogServiceDefinition, { address: `127.0.0.1:${server.port}`, apiKey, deadlineMs });

beforeAll(async () => {
  server = await start();
});
afterAll(() => server.stop());

describe('gRPC server and client', () => {
  it('streams pages', async () => {
    const { client, close } = connect('v');
    let count = 0;
    for await (const { pages } of client.streamPages({ selection: { $case: 'rule', value: 'illustrated' } }))
      count += pages.length;
    expect(count).toBe(1500);
    close();
  });

  it('checks the role that the proto names', async () => {
    const viewer = connect('v');
    await expect(viewer.client.startImport({ source: 'x' })).rejects.toMatchObject({ code: 'permission_denied' });
    viewer.close();
    const nobody = connect();
    await expect(nobody.client.getPage({ pageId: 3 })).rejects.toMatchObject({ code: 'unauthenticated' });
    nobody.close();
  });

  it('carries the code of an error, names its field, and shows nothing of unknown ones', async () => {
    const { client, close } = connect('o');
    await expect(client.getPage({ pageId: 404 })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('page 404 is not known'),
    });
    await expect(client.startImport({ source: 'x' })).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('source: an import is running'),
    });
    await expect(client.getPage({ pageId: 500 })).rejects.toMatchObject({
      code: 'internal',
      message: expect.not.stringContaining('hunter2'),
    });
    close();
  });

  it('ends a call at its deadline', async () => {
    const { client, close } = connect('v', 100);
    await expect(client.getPage({ pageId: 1 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    close();
  });

  it('finds a restarted server again', async () => {
    const { client, close } = connect('v');
    await client.getPage({ pageId: 7 });
    const { port } = server;
    await server.stop();
    setTimeout(
      () =>
        void start(port).then((restarted) => {
          server = restarted;
        }),
      300,
    );
    calls = 0;
    expect((await client.getPage({ pageId: 8 })).page?.ref?.pageId).toBe(8);
    expect(calls).toBe(1);
    close();
  });

  it('tells who reads a stream that its service stopped, and sends a read that was cut off again', async () => {
    const stopping = await start(0, 100);
    const { client, close } = createRpcClient(CatalogServiceDefinition, {
      address: `127.0.0.1:${stopping.port}`,
      apiKey: 'v',
    });
    const read = async () => {
      for await (const { pages } of client.streamPages({ selection: { $case: 'rule', value: 'slow' } }))
        expect(pages).toHaveLength(1);
    };
    const streamed = expect(read()).rejects.toMatchObject({ code: 'unavailable' });
    const page = client.getPage({ pageId: 1 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await stopping.stop();
    await streamed;
    const restarted = await start(stopping.port);
    expect((await page).page?.ref?.pageId).toBe(1);
    close();
    await restarted.stop();
  });

  it('answers health checks without a key, and says when it drains', async () => {
    const channel = createChannel(`127.0.0.1:${server.port}`);
    const health = createClient(HealthDefinition, channel);
    const service = CatalogServiceDefinition.fullName;
    expect((await health.check({ service })).status).toBe(1);
    server.drain();
    expect((await health.check({ service })).status).toBe(2);
    channel.close();
  });
});

it('has callers connect anew now and then, where they find new replicas, and ends no call by that', async () => {
  const aging = await start(0, undefined, 300);
  let connections = 0;
  const between = createTcpServer((caller) => {
    connections++;
    const callee = connectTcp(aging.port, '127.0.0.1');
    caller.pipe(callee).pipe(caller);
    for (const socket of [caller, callee]) socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  const address = `127.0.0.1:${(between.address() as AddressInfo).port}`;
  const { client, close } = createRpcClient(CatalogServiceDefinition, { address, apiKey: 'v' });
  // Two seconds long, on a connection that is too old after a third of one.
  const slow = client.getPage({ pageId: 1 });
  for (let call = 0; call < 40; call++) {
    await client.getPage({ pageId: 3 });
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  expect((await slow).page?.ref?.pageId).toBe(1);
  expect(connections).toBeGreaterThan(2);
  close();
  between.close();
  await aging.stop();
});
