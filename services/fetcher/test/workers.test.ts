import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, pageIdsFrom, startHarness, until } from './harness.ts';

// Seconds for which every worker is killed again and again; a minute by `STORM_SECONDS=60`.
const stormSeconds = Number(process.env.STORM_SECONDS ?? 12);

let fetcher: Harness;
beforeAll(async () => {
  fetcher = await startHarness();
});
afterAll(() => fetcher?.close());

/** Service processes of their own, ready to work. */
async function startWorkers(count: number, variables: Record<string, string>) {
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const children = ports.map((port) => fetcher.spawnService({ ...variables, ROLE: 'worker', HTTP_PORT: String(port) }));
  for (const port of ports)
    await until(
      () =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      60_000,
    );
  return children;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.each([1, 3, 8])('%i workers', (workerCount) => {
  it('share a run, keep the rate of the host together, and fetch nothing twice', async () => {
    // As it is set for BHL's bucket.
    const requestsPerSecond = 50;
    const source = fork(new URL('./source-process.ts', import.meta.url));
    const told = async () => (await once(source, 'message'))[0];
    const { baseUrl } = (await told()) as { baseUrl: string };
    const SOURCES = JSON.stringify([
      { name: 'bucket', addressing: 'bucket', baseUrl, requestsPerSecond, inFlightMax: 30 },
    ]);
    const workers = await startWorkers(workerCount, { SOURCES });
    const ids = pageIdsFrom(1000 + workerCount * 400, 250);
    fetcher.pageSets.set(`shared ${workerCount}`, ids);
    const { id } = await fetcher.startRun({ pageSetId: `shared ${workerCount}` });
    // The limit makes five seconds of it; a machine with other work to do is allowed more.
    expect(await fetcher.endOf(id, 60_000)).toMatchObject({ state: 'done', storedCount: 250 });
    const answer = told();
    source.send('tell');
    const { requests, times } = (await answer) as { requests: number[]; times: number[] };
    source.disconnect();
    expect(requests.sort((a, b) => a - b)).toEqual(ids);
    const most = Math.max(...times.map((start) => times.filter((time) => time >= start && time < start + 1000).length));
    // A window that begins with a request holds one more than the rate.
    expect(most - 1).toBeLessThanOrEqual(requestsPerSecond * 1.05);
    await Promise.all(
      workers.map((worker) => {
        worker.kill('SIGTERM');
        return new Promise((resolve) => worker.once('exit', resolve));
      }),
    );
  }, 120_000);
});

describe('a worker that dies', () => {
  it('by SIGKILL in the middle leaves its batches to another; what it stored is not fetched again, and no partial file shows', async () => {
    fetcher.source.delayMs = 40;
    const ids = pageIdsFrom(6000, 120);
    fetcher.pageSets.set('killed', ids);
    const from = fetcher.source.requests.length;
    const child = fetcher.spawnService({ ROLE: 'worker' });
    const { id } = await fetcher.startRun({ pageSetId: 'killed' });
    await until(async () => (await fetcher.runOf(id)).storedCount >= 20);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const atDeath = await fetcher.runOf(id);
    const storedAtDeath = (await fetcher.pagesOf(id)).stored!;
    expect(atDeath.storedCount).toBeLessThan(120);
    const afterDeath = fetcher.source.requests.length;

    await fetcher.start({ role: 'worker' });
    expect(await fetcher.endOf(id, 40_000)).toMatchObject({
      state: 'done',
      totalCount: 120,
      doneCount: 120,
      storedCount: 120,
      fetchedCount: 120,
    });
    fetcher.source.delayMs = 0;
    const later = fetcher.source.requests.slice(afterDeath);
    expect(later.filter((pageId) => storedAtDeath.includes(pageId))).toEqual([]);
    expect(new Set(fetcher.source.requests.slice(from))).toEqual(new Set(ids));
    const announced = () =>
      fetcher.events.flatMap((event) =>
        event.name === 'fetcher.image_batch.stored' && event.payload.fetchRunId === id ? event.payload.pageIds : [],
      );
    await until(() => announced().length >= 120);
    expect(announced().sort((a, b) => a - b)).toEqual(ids);
    for (const pageId of ids) {
      const response = await fetcher.get(`/v1/images/${pageId}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(await fetcher.source.imageOf(pageId))).toBe(true);
    }
  }, 90_000);

  it(
    'again and again, every one of them, leaves the store as an undisturbed run does; no partial file ever shows',
    async () => {
      // More than the workers get done in that time.
      const stormPages = stormSeconds * 25;
      fetcher.source.delayMs = 60;
      const ids = pageIdsFrom(7000, stormPages);
      fetcher.pageSets.set('stormy', ids);
      const children = new Set<ReturnType<Harness['spawnService']>>();
      let isStormy = true;
      let kills = 0;
      const keepKilling = async () => {
        while (isStormy) {
          const child = fetcher.spawnService({ ROLE: 'worker', PAGES_IN_FLIGHT_MAX: '2', BATCHES_IN_FLIGHT_MAX: '1' });
          children.add(child);
          await new Promise((resolve) => setTimeout(resolve, 1500 + Math.random() * 2500));
          child.kill('SIGKILL');
          children.delete(child);
          kills += 1;
        }
      };
      const { id } = await fetcher.startRun({ pageSetId: 'stormy' });
      const storm = Promise.all([keepKilling(), keepKilling(), keepKilling()]);
      const endsAt = performance.now() + stormSeconds * 1000;
      const seen = new Set<string>();
      while (performance.now() < endsAt) {
        const shown = (await fetcher.storedFiles()).filter((file) => !file.includes('.writing') && !seen.has(file));
        for (const path of shown) {
          seen.add(path);
          expect(
            createHash('sha256')
              .update(await readFile(path))
              .digest('hex'),
          ).toBe(basename(path, '.webp'));
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      isStormy = false;
      await storm;
      expect(kills).toBeGreaterThanOrEqual(stormSeconds / 2);
      fetcher.source.delayMs = 0;
      const worker = await fetcher.start({ role: 'worker' });
      expect(await fetcher.endOf(id, 40_000)).toMatchObject({
        state: 'done',
        totalCount: stormPages,
        doneCount: stormPages,
        storedCount: stormPages,
        fetchedCount: stormPages,
        failedCount: 0,
      });
      await worker.stop();
      const files = new Set((await fetcher.storedFiles()).map((path) => basename(path, '.webp')));
      for (const pageId of ids)
        expect(
          files.has(
            createHash('sha256')
              .update(await fetcher.source.imageOf(pageId))
              .digest('hex'),
          ),
        ).toBe(true);
      // Left by those that died in the middle of a write: out of sight, and cleared by a later start.
      expect(await fetcher.check({ mend: false, readBytes: true })).toMatchObject({ lost: 0, damaged: 0, unused: 0 });
    },
    120_000 + stormSeconds * 1000,
  );
});
