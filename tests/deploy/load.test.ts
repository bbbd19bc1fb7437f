// The load of the deployment's tests is itself worth a test: that it sees a write that was carried out twice.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { startLoad } from './load.ts';

it('finds every write once on services where twice equals once', async () => {
  const { load, things } = await aLoad({ twice: false });
  await load.verify();
  expect(things()).toBeGreaterThan(0);
});

it('tells of a run that was started twice for one Idempotency-Key', async () => {
  const { load } = await aLoad({ twice: true });
  await expect(load.verify()).rejects.toThrow(/made 2 things/);
});

/** Some turns of the load on services that keep what is posted, its fetch runs twice where asked. */
async function aLoad({ twice }: { twice: boolean }) {
  const byKey = new Map<string, string>();
  const sets: Record<string, unknown>[] = [];
  const runs: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    const [path, query = ''] = request.url!.split('?');
    const answer = (body: unknown) => response.end(JSON.stringify(body));
    const kept = path!.startsWith('/v1/page-sets') ? sets : runs;
    if (request.method === 'POST') {
      const key = String(request.headers['idempotency-key']);
      const id = byKey.get(key) ?? randomUUID();
      const made = { ...(await bodyOf(request)), id, state: 'done' };
      if (!byKey.has(key)) kept.push(...(twice && kept === runs ? [made, { ...made, id: randomUUID() }] : [made]));
      byKey.set(key, id);
      return answer(made);
    }
    if (path === '/v1/pages') return answer({ pages: [{ pageId: 1 }, { pageId: 2 }] });
    if (path === '/v1/page-sets') {
      const name = new URLSearchParams(query).get('name');
      return answer({ pageSets: sets.filter((set) => set.name === name) });
    }
    if (path === '/v1/fetch-runs') return answer({ fetchRuns: runs, next: null });
    return answer(kept.find(({ id }) => path!.endsWith(String(id))) ?? {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const load = await startLoad({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, apiKey: 'none' });
  await sleep(200);
  expect((await load.stop()).failures).toEqual([]);
  return { load, things: () => sets.length + runs.length };
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}
