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

it('ends with the same tables after its worker was killed in the middle', async () => {
  const source = await harness.exportIn('library', files);
  const { body: run } = await harness.post<ImportView>('/v1/imports', { source });
  const workers: ReturnType<Harness['spawnService']>[] = [];
  for (const pauseMs of [0, 150, 300]) {
    const worker = harness.spawnService({ ROLE: 'worker', WORK_STALE_MS: '1000' });
    workers.push(worker);
    await until(async () => (await stateOf(run.id)).state === 'running');
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    worker.kill('SIGKILL');
  }
  await harness.start({ role: 'worker', workStaleMs: 1000 });
  const ended = await harness.endOf(run.id);
  expect(ended).toMatchObject({ state: 'done', rowCount: rows.length });
  const afterKills = await harness.contents();

  const other = await startHarness('undisturbed', { RESERVOIR_PAGES: '500' });
  try {
    await other.start({ role: 'worker' });
    await other.importFrom(await other.exportIn('library', files));
    expect(afterKills).toEqual(await other.contents());
  } finally {
    await other.close();
  }
}, 60_000);

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
