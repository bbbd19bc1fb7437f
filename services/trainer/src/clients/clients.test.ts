import { createAuthenticator } from '@florilegium/auth';
import { CatalogServiceDefinition } from '@florilegium/contracts/catalog';
import { CurationServiceDefinition } from '@florilegium/contracts/curation';
import { InferenceServiceDefinition } from '@florilegium/contracts/inference';
import { notFound } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { type RpcServer, startRpcServer } from '@florilegium/rpc';
import { afterAll, expect, it } from 'vitest';
import { catalogClient } from './catalog.client.ts';
import { curationClient } from './curation.client.ts';
import { inferenceClient } from './inference.client.ts';

const { signal } = new AbortController();
const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** A real server of a neighbour with the methods a test needs; nice-grpc wants all of them, so the others refuse. */
async function serve(definition: Parameters<typeof startRpcServer>[0]['definition'], methods: Record<string, unknown>) {
  const refuse = async () => {
    throw new Error('not part of this test');
  };
  const implementation = Object.fromEntries(
    Object.keys(definition.methods).map((name) => [name, methods[name] ?? refuse]),
  );
  const authenticator = createAuthenticator({ required: false, keys: [] });
  const server: RpcServer = await startRpcServer({
    definition,
    implementation,
    authenticator,
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });
  stops.push(() => server.stop());
  return { address: `127.0.0.1:${server.port}` };
}

function closing<Client extends { close(): void }>(client: Client): Client {
  stops.push(() => client.close());
  return client;
}

it('reads a label set over several messages, bounded, and tells when there is none', async () => {
  const address = await serve(CurationServiceDefinition, {
    async *streamLabelSet({ labelSetId }: { labelSetId: string }) {
      if (labelSetId !== 'known') throw notFound('label set', labelSetId);
      yield { pages: [{ pageId: 1, label: 'LABEL_HQ' }], labelSetSha256: 'aa' };
      yield {
        pages: [
          { pageId: 2, label: 'LABEL_NOT_SURE' },
          { pageId: 3, label: 'LABEL_LQ' },
        ],
        labelSetSha256: 'aa',
      };
    },
  });
  const curation = closing(curationClient(address));
  expect(await curation.readLabelSet('known', 3, signal)).toEqual({
    sha256: 'aa',
    pages: [
      { pageId: 1, label: 'HQ' },
      { pageId: 2, label: 'NOT_SURE' },
      { pageId: 3, label: 'LQ' },
    ],
  });
  await expect(curation.readLabelSet('known', 2, signal)).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('more than the 2'),
  });
  await expect(curation.readLabelSet('lost', 3, signal)).rejects.toMatchObject({ code: 'not_found' });
});

it('asks catalog for 500 pages at a time and leaves unknown ones out', async () => {
  const asked: number[] = [];
  const address = await serve(CatalogServiceDefinition, {
    async *streamPages({ selection }: { selection: { value: { pageIds: number[] } } }) {
      const { pageIds } = selection.value;
      asked.push(pageIds.length);
      yield { pages: pageIds.filter((pageId) => pageId !== 13).map((pageId) => ({ pageId, itemId: pageId * 2 })) };
    },
  });
  const items = await closing(catalogClient(address)).itemsOf(
    Array.from({ length: 1200 }, (_, at) => at + 1),
    signal,
  );
  expect(asked).toEqual([500, 500, 200]);
  expect(items.size).toBe(1199);
  expect(items.get(1200)).toBe(2400);
  expect(items.has(13)).toBe(false);
});

it('takes embeddings of the asked backbone alone, and whole', async () => {
  const wanted = { name: 'm', sha256: 'aa', dimensions: 2 };
  const sent = {
    pageIds: [5],
    values: Buffer.alloc(4, 1),
    dimensions: 2,
    pendingPageIds: [6],
    unavailablePageIds: [7],
    backboneSha256: 'aa',
    backboneName: 'm',
  };
  let next = sent;
  const address = await serve(InferenceServiceDefinition, {
    getBackbone: async () => ({ backbone: wanted, embeddedCount: 12 }),
    async *streamEmbeddings() {
      yield next;
    },
  });
  const inference = closing(inferenceClient(address));
  expect(await inference.currentBackbone(signal)).toEqual(wanted);
  expect(await inference.countEmbedded(signal)).toBe(12);
  const read = async () => {
    for await (const message of inference.streamEmbeddings([5, 6, 7], wanted, signal)) return message;
    return undefined;
  };
  expect(await read()).toMatchObject({
    pageIds: [5],
    pendingPageIds: [6],
    unavailablePageIds: [7],
    halves: sent.values,
  });
  next = { ...sent, backboneSha256: 'bb' };
  await expect(read()).rejects.toMatchObject({ code: 'failed_precondition' });
  next = { ...sent, values: Buffer.alloc(3) };
  await expect(read()).rejects.toThrow('sent 3 bytes of embeddings, not 4');
});
