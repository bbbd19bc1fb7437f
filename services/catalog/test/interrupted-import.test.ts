import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seededDraw } from '@florilegium/bhl';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aLibrary, itemFile, pageFile, tabFile, titleFile } from './an-export.ts';
import { type Harness, type ImportView, startHarness, until } from './harness.ts';

/** Where the library was imported and nothing interrupted it. */
let harness: Harness;
const { rows, items } = aLibrary(400, 150);
const plates = rows.filter(({ prefix }) => prefix === 'Plate').map(({ pageId }) => pageId);

/** Every file of an export, with a story for each of its plates; what the files say differs from `edition` to `edition`. */
const exportOf = (pages: typeof rows, its: typeof items, edition: string) => ({
  'page.txt.gz': pageFile(pages),
  'item.txt.gz': itemFile(its),
  'title.txt.gz': titleFile([500, 501, 502, 503, 504].map((titleId) => ({ titleId, title: `Flora ${edition}` }))),
  'creator.txt.gz': tabFile(
    ['TitleID', 'CreatorName'],
    [500, 501, 502].map((titleId) => [titleId, `Author of the ${edition}`]),
  ),
  'part.txt.gz': tabFile(
    ['PartID', 'ItemID', 'Title', 'LicenseUrl'],
    plates.map((pageId, at) => [at + 1, 1, `On ${pageId}, ${edition}`, 'https://creativecommons.org/licenses/by/4.0/']),
  ),
  'partpage.txt.gz': tabFile(
    ['PartID', 'PageID'],
    plates.map((pageId, at) => [edition === 'newer' ? at + 1 : Math.max(1, at), pageId]),
  ),
  'pagename.txt.gz': tabFile(
    ['NameConfirmed', 'PageID'],
    plates.flatMap((pageId) => [
      ['Rosa canina', pageId],
      [`Vanessa ${edition}`, pageId],
    ]),
  ),
});
const files = exportOf(rows, items, 'newer');

beforeAll(async () => {
  harness = await startHarness('undisturbed', { RESERVOIR_PAGES: '500' });
  const worker = await harness.start({ role: 'worker' });
  await harness.importFrom(await harness.exportIn('library', files), { withNames: true });
  await worker.stop();
}, 60_000);
afterAll(() => harness.close());

/** Ten moments, half of them over an empty catalog; CATALOG_KILLS=10 makes it ten of each, which takes a minute more. */
const killsWanted = Number(process.env.CATALOG_KILLS ?? 5);

/** An older export of the same library: pages that are missing, others that are gone since, others that read otherwise. */
const older = exportOf(
  [
    ...rows
      .filter(({ pageId }) => Number(pageId) % 7 !== 3)
      .map((row) => (Number(row.pageId) % 11 === 0 ? { ...row, number: '999' } : row)),
    ...aLibrary(5, 100).rows.map((row) => ({ ...row, pageId: Number(row.pageId) + 5_000_000, itemId: 9000 })),
  ],
  [...items.slice(3), { itemId: 9000 }],
  'older',
);

it.each([
  ['an empty catalog', undefined],
  ['an older export', older],
])(
  `ends with the same tables after its worker was killed at ${killsWanted} random moments, over %s`,
  async (_, first) => {
    const imported = async (into: Harness) => {
      if (first) await into.importFrom(await into.exportIn('older', first), { withNames: true });
      const startedAt = performance.now();
      await into.importFrom(await into.exportIn('library', files), { withNames: true });
      return performance.now() - startedAt;
    };
    const other = await startHarness('other', { RESERVOIR_PAGES: '500' });
    let undisturbed: Awaited<ReturnType<Harness['contents']>>;
    let durationMs: number;
    try {
      await other.start({ role: 'worker' });
      durationMs = await imported(other);
      undisturbed = await other.contents();
      // Else the comparison says nothing.
      for (const [table, held] of Object.entries(undisturbed)) expect(held.length, table).toBeGreaterThan(0);
    } finally {
      await other.close();
    }

    const killed = await startHarness('killed', { RESERVOIR_PAGES: '500' });
    try {
      const tables = ['page', 'item', 'title', 'part', 'page_part', 'page_name', 'candidate'];
      if (first) {
        const worker = await killed.start({ role: 'worker' });
        await killed.importFrom(await killed.exportIn('older', first), { withNames: true });
        await worker.stop();
      }
      for (const table of tables) await killed.db.pool.query(`create table before_${table} as table ${table}`);
      const source = await killed.exportIn('library', files);
      const attemptOf = async (id: string) =>
        (await killed.db.pool.query('select attempt from work_batch where run_id = $1', [id])).rows[0]
          .attempt as number;
      let run: ImportView | undefined;
      const moments: number[] = [];
      for (let draw = 0; moments.length < killsWanted; draw++) {
        if (!run) {
          await killed.db.pool.query(`truncate ${tables.join(', ')}`);
          for (const table of tables) await killed.db.pool.query(`insert into ${table} table before_${table}`);
          run = (await killed.post<ImportView>('/v1/imports', { source, withNames: true })).body;
        }
        const attempt = await attemptOf(run.id);
        const worker = killed.spawnService({ ROLE: 'worker', WORK_STALE_MS: '500' });
        await until(async () => (await attemptOf(run!.id)) > attempt);
        const pauseMs = (seededDraw(1, 'kills').keyOf(draw) / 2 ** 53) * durationMs;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        worker.kill('SIGKILL');
        // One that was quicker than its kill is no test: another import begins, on the tables as they were.
        const { body } = await killed.get<ImportView>(`/v1/imports/${run.id}`);
        if (body.state === 'done') run = undefined;
        else moments.push(Math.round(pauseMs));
      }
      await killed.start({ role: 'worker', workStaleMs: 1000 });
      const ended = run && (await killed.endOf(run.id));
      expect(ended).toMatchObject({ state: 'done', rowCount: rows.length });
      expect(await killed.contents(), `killed after ${moments.join(', ')} ms`).toEqual(undisturbed);
      const left = await killed.db.pool.query("select tablename from pg_tables where tablename like 'staging%'");
      expect(left.rows).toEqual([]);
    } finally {
      await killed.close();
    }
  },
  60_000 + killsWanted * 12_000,
);

it.each([
  ['goes on after the page file when it is killed later', 'SIGKILL', false],
  ['goes on after the page file when it is stopped later', 'SIGTERM', false],
  ['goes on after the page file when the network breaks off later', undefined, false],
  ['begins anew when PostgreSQL lost what was staged meanwhile', 'SIGKILL', true],
] as const)(
  '%s',
  async (_, signal, isLost) => {
    const requests: string[] = [];
    const plate = rows.find(({ prefix }) => prefix === 'Plate')!.pageId;
    let stallsNames = true;
    let breakNames = () => {};
    const bodies: Record<string, string> = {
      'page.txt': pageFile(rows),
      'item.txt': itemFile(items),
      'pagename.txt': tabFile(['NameConfirmed', 'PageID'], [['Rosa canina', plate]]),
    };
    const server = createServer((request, response) => {
      const name = request.url!.split('/').at(-1)!;
      const body = bodies[name];
      if (body === undefined) return response.writeHead(404).end();
      // Without a version, a file that breaks off cannot be taken up where it broke.
      const version = name === 'pagename.txt' ? {} : { etag: '"1"' };
      response.writeHead(200, { ...version, 'content-length': Buffer.byteLength(body) });
      if (request.method === 'HEAD') return response.end();
      requests.push(name);
      if (name !== 'pagename.txt' || !stallsNames) return response.end(body);
      response.write(body.slice(0, 10));
      breakNames = () => response.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const resumed = await startHarness('resumed', { RESERVOIR_PAGES: '500', IMPORT_HOSTS: host });
    try {
      const request = { source: `http://${host}/export`, withNames: true };
      const { body: run } = await resumed.post<ImportView>('/v1/imports', request);
      const worker = resumed.spawnService({ ROLE: 'worker', WORK_STALE_MS: '1000' });
      await until(() => requests.includes('pagename.txt'));
      const viewOf = async () => (await resumed.get<ImportView>(`/v1/imports/${run.id}`)).body;
      if (signal) {
        const ended = new Promise((resolve) => worker.once('exit', resolve));
        worker.kill(signal);
        await ended;
      } else {
        breakNames();
        await until(() => requests.length === 4);
        // What an earlier attempt read was not read in this one's time.
        await new Promise((resolve) => setTimeout(resolve, 1500));
        expect(await viewOf()).toMatchObject({ phase: 'stories', doneCount: expect.toSatisfy((count) => count > 1e6) });
        expect((await viewOf()).bytesPerSecond).toBeLessThan(100);
        breakNames();
      }
      stallsNames = false;
      // As a PostgreSQL that starts again after a crash leaves unlogged tables.
      if (isLost) {
        const { rows: staged } = await resumed.db.pool.query(
          "select tablename from pg_tables where tablename like 'staging%item'",
        );
        await resumed.db.pool.query(`truncate ${staged[0].tablename}`);
      }
      await resumed.start({ role: 'worker', workStaleMs: 1000 });
      expect(await resumed.endOf(run.id)).toMatchObject({ state: 'done', rowCount: rows.length });
      const again = isLost ? ['item.txt', 'page.txt'] : [];
      const names = signal ? ['pagename.txt', 'pagename.txt'] : ['pagename.txt', 'pagename.txt', 'pagename.txt'];
      expect(requests.sort()).toEqual(['item.txt', 'page.txt', ...names, ...again].sort());
      const { page, page_name, candidate, item } = await resumed.contents();
      expect(page_name).toEqual([{ page_id: plate, names: ['Rosa canina'] }]);
      const undisturbed = await harness.contents();
      expect([page, candidate, item]).toEqual([undisturbed.page, undisturbed.candidate, undisturbed.item]);
      const left = await resumed.db.pool.query("select tablename from pg_tables where tablename like 'staging%'");
      expect(left.rows).toEqual([]);
    } finally {
      await resumed.close();
      server.closeAllConnections();
      server.close();
    }
  },
  60_000,
);

it('can be cancelled, and leaves nothing behind', async () => {
  const before = await harness.contents(', xmin::text');
  const source = await harness.exportIn('again', files);
  const worker = await harness.start({ role: 'worker', workStaleMs: 1000 });
  const { body: run } = await harness.post<ImportView>('/v1/imports', { source });
  await until(async () => (await harness.get<ImportView>(`/v1/imports/${run.id}`)).body.phase !== '');
  const cancelled = await harness.post<ImportView>(`/v1/imports/${run.id}/cancel`, {});
  expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect((await harness.post(`/v1/imports/${run.id}/cancel`, {})).body).toMatchObject({ state: 'cancelled' });
  await until(() => harness.events.some(({ name }) => name === 'catalog.import.cancelled'));
  await until(async () => {
    const { rows: tables } = await harness.db.pool.query("select 1 from pg_tables where tablename like 'staging%'");
    return tables.length === 0;
  });
  expect(await harness.contents(', xmin::text')).toEqual(before);
  await worker.stop();
});

it('leaves nothing behind either when it is cancelled while its worker is gone, once another starts', async () => {
  const staged = async () =>
    (await harness.db.pool.query("select tablename from pg_tables where tablename like 'staging%'")).rows.length;
  const source = await harness.exportIn('gone', files);
  const { body: run } = await harness.post<ImportView>('/v1/imports', { source });
  const worker = harness.spawnService({ ROLE: 'worker' });
  await until(async () => (await staged()) > 0);
  worker.kill('SIGKILL');
  await harness.post(`/v1/imports/${run.id}/cancel`, {});
  expect(await staged()).toBeGreaterThan(0);
  const next = await harness.start({ role: 'worker' });
  expect(await staged()).toBe(0);
  await next.stop();
});

it('waits for a merge that is under way when it is cancelled, and neither dies of the other', async () => {
  const source = await harness.exportIn('merging', files);
  const quiet = await startHarness('merging', { IMPORT_ROOTS: harness.root });
  try {
    const { body: run } = await quiet.post<ImportView>('/v1/imports', { source });
    let cancelling: ReturnType<Harness['post']> | undefined;
    // What the end of a batch locks, in its order: the run's batches, then the run.
    await quiet.db.inTransaction(async ({ kysely }) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${run.id}, 0))`.execute(kysely);
      cancelling = quiet.post(`/v1/imports/${run.id}/cancel`, {});
      await until(async () => {
        const { rows: waiting } = await quiet.db.pool.query(
          "select 1 from pg_locks join pg_database on oid = database where datname = current_database() and locktype = 'advisory' and not granted",
        );
        return waiting.length > 0;
      });
      await kysely.updateTable('import').set({ state: 'done' }).where('id', '=', run.id).execute();
    });
    expect(await cancelling).toMatchObject({ status: 400, body: { code: 'failed_precondition' } });
  } finally {
    await quiet.close();
  }
});
