import { seededDraw } from '@florilegium/bhl';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aLibrary, itemFile, pageFile } from './an-export.ts';
import { type Harness, type ImportView, startHarness, until } from './harness.ts';

let harness: Harness;
const { rows, items } = aLibrary(400, 150);
const files = { 'page.txt.gz': pageFile(rows), 'item.txt.gz': itemFile(items) };

beforeAll(async () => {
  harness = await startHarness('interrupted', { RESERVOIR_PAGES: '500' });
});
afterAll(() => harness.close());

const stateOf = async (id: string) => (await harness.get<ImportView>(`/v1/imports/${id}`)).body;

/** CATALOG_KILLS=10 makes it ten moments; three are enough for every day. */
const killsWanted = Number(process.env.CATALOG_KILLS ?? 3);

it(
  `ends with the same tables after its worker was killed at ${killsWanted} random moments`,
  async () => {
    const other = await startHarness('undisturbed', { RESERVOIR_PAGES: '500' });
    let undisturbed: Awaited<ReturnType<Harness['contents']>>;
    let durationMs: number;
    try {
      await other.start({ role: 'worker' });
      const source = await other.exportIn('library', files);
      const startedAt = performance.now();
      await other.importFrom(source);
      durationMs = performance.now() - startedAt;
      undisturbed = await other.contents();
    } finally {
      await other.close();
    }

    const source = await harness.exportIn('library', files);
    const attemptOf = async (id: string) =>
      (await harness.db.pool.query('select attempt from work_batch where run_id = $1', [id])).rows[0].attempt as number;
    let run: ImportView | undefined;
    const moments: number[] = [];
    for (let draw = 0; moments.length < killsWanted; draw++) {
      if (!run) {
        await harness.db.pool.query('truncate page, item, title, part, page_part, page_name, candidate');
        run = (await harness.post<ImportView>('/v1/imports', { source })).body;
      }
      const attempt = await attemptOf(run.id);
      const worker = harness.spawnService({ ROLE: 'worker', WORK_STALE_MS: '1000' });
      await until(async () => (await attemptOf(run!.id)) > attempt);
      const pauseMs = (seededDraw(1, 'kills').keyOf(draw) / 2 ** 53) * durationMs;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      worker.kill('SIGKILL');
      // One that was quicker than its kill is no test: another import begins, on tables that are empty again.
      if ((await stateOf(run.id)).state === 'done') run = undefined;
      else moments.push(Math.round(pauseMs));
    }
    await harness.start({ role: 'worker', workStaleMs: 1000 });
    const ended = run && (await harness.endOf(run.id));
    expect(ended).toMatchObject({ state: 'done', rowCount: rows.length });
    expect(await harness.contents(), `killed after ${moments.join(', ')} ms`).toEqual(undisturbed);
    const left = await harness.db.pool.query("select tablename from pg_tables where tablename like 'staging%'");
    expect(left.rows).toEqual([]);
  },
  60_000 + killsWanted * 12_000,
);

it('can be cancelled, and leaves nothing behind', async () => {
  const before = await harness.contents(', xmin::text');
  const source = await harness.exportIn('again', files);
  const { body: run } = await harness.post<ImportView>('/v1/imports', { source });
  const cancelled = await harness.post<ImportView>(`/v1/imports/${run.id}/cancel`, {});
  expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect((await harness.post(`/v1/imports/${run.id}/cancel`, {})).body).toMatchObject({ state: 'cancelled' });
  await until(() => harness.events.some(({ name }) => name === 'catalog.import.cancelled'));
  await until(async () => {
    const { rows: tables } = await harness.db.pool.query("select 1 from pg_tables where tablename like 'staging%'");
    return tables.length === 0;
  });
  expect(await harness.contents(', xmin::text')).toEqual(before);
});
