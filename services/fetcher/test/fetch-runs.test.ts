import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, pageIdsFrom, type RunView, startHarness, until } from './harness.ts';

let fetcher: Harness;
beforeAll(async () => {
  fetcher = await startHarness();
  await fetcher.start({ role: 'worker' });
});
afterAll(() => fetcher?.close());

// Each test has pages of its own: ids from here on.
let nextId = 100;
const somePages = (count: number) => {
  nextId += 500;
  return pageIdsFrom(nextId, count);
};
const requestsFor = (ids: number[]) => fetcher.source.requests.filter((id) => ids.includes(id));
const eventsOf = (runId: string) =>
  fetcher.events.filter((event) => (event.payload as { fetchRunId: string }).fetchRunId === runId);

describe('a run over a page set', () => {
  it('stores every image bit-exact under its hash, fetches each once, and announces batches and its end', async () => {
    const ids = somePages(35);
    fetcher.pageSets.set('train', ids);
    const { id } = await fetcher.startRun({ pageSetId: 'train' });
    const run = await fetcher.endOf(id);
    expect(run).toMatchObject({
      state: 'done',
      totalCount: 35,
      doneCount: 35,
      storedCount: 35,
      failedCount: 0,
      fetchedCount: 35,
    });
    expect(requestsFor(ids).sort((a, b) => a - b)).toEqual(ids);

    const files = await fetcher.storedFiles();
    let bytes = 0;
    for (const pageId of ids) {
      const image = await fetcher.source.imageOf(pageId);
      bytes += image.length;
      const sha256 = createHash('sha256').update(image).digest('hex');
      const file = files.find((path) => path.endsWith(`images/${sha256.slice(0, 2)}/${sha256}.webp`));
      expect((await readFile(file!)).equals(image)).toBe(true);
    }
    expect(run.bytes).toBe(bytes);

    const batchesOf = () =>
      eventsOf(id).flatMap((event) => (event.name === 'fetcher.image_batch.stored' ? [event.payload] : []));
    await until(() => batchesOf().length === 4);
    const batches = batchesOf();
    expect(batches.map((batch) => batch.size)).toEqual(batches.map(() => 'IMAGE_SIZE_MEDIUM'));
    expect(batches.flatMap((batch) => batch.pageIds).sort((a, b) => a - b)).toEqual(ids);
    await until(() => eventsOf(id).some((event) => event.name === 'fetcher.fetch_run.completed'));
    const completed = eventsOf(id).find((event) => event.name === 'fetcher.fetch_run.completed');
    expect(completed!.payload).toMatchObject({ size: 'IMAGE_SIZE_MEDIUM', storedCount: 35, failedCount: 0 });
  });

  it('takes what is stored already without a request, and still announces it', async () => {
    const ids = fetcher.pageSets.get('train')!;
    const before = fetcher.source.requests.length;
    const { id } = await fetcher.startRun({ pageSetId: 'train' });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'done', storedCount: 35, fetchedCount: 0, bytes: 0 });
    expect(fetcher.source.requests.length).toBe(before);
    const announced = () =>
      eventsOf(id).flatMap((event) => (event.name === 'fetcher.image_batch.stored' ? event.payload.pageIds : []));
    await until(() => announced().length === 35);
    expect(announced().sort((a, b) => a - b)).toEqual(ids);
  });

  it('is cut to a part by start index and count', async () => {
    const ids = somePages(30);
    fetcher.pageSets.set('part', ids);
    const { id } = await fetcher.startRun({ pageSetId: 'part', startIndex: 5, maxCount: 12 });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'done', totalCount: 12, storedCount: 12 });
    expect((await fetcher.pagesOf(id)).stored).toEqual(ids.slice(5, 17));
  });

  it('goes on with its listing where a broken stream from the catalog ended', async () => {
    const ids = [...pageIdsFrom(20_000, 500), ...pageIdsFrom(30_000, 130)];
    for (const id of ids) fetcher.source.missing.add(id);
    fetcher.pageSets.set('broken', ids);
    fetcher.catalogFaults.streamsToBreak = 1;
    const { id } = await fetcher.startRun({ pageSetId: 'broken', startIndex: 20 });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'done', totalCount: 610, failedCount: 610 });
    expect(fetcher.catalogFaults.streamsToBreak).toBe(0);
    expect((await fetcher.pagesOf(id)).missing).toEqual(ids.slice(20));
    expect(requestsFor(ids).length).toBe(610);
  });

  it('is done at once when the set is empty', async () => {
    fetcher.pageSets.set('empty', []);
    const { id } = await fetcher.startRun({ pageSetId: 'empty' });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'done', totalCount: 0 });
  });
});

describe('faults of the source', () => {
  it('that pass end in the good image; those that stay end in a named state; none stops the others', async () => {
    const ids = somePages(20);
    const [html, cut, error, reset, throttled, mixed, alwaysHtml, alwaysError, missing, placeholder] = ids as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const { source } = fetcher;
    source.planFaults(html, 'html');
    source.planFaults(cut, 'cut', 'cut');
    source.planFaults(error, 'error', 'error', 'error', 'error');
    source.planFaults(reset, 'reset');
    source.planFaults(throttled, 'throttle', 'throttle');
    source.planFaults(mixed, 'error', 'html', 'cut', 'reset', 'error');
    source.planFaults(alwaysHtml, ...Array<'html'>(100).fill('html'));
    source.planFaults(alwaysError, ...Array<'error'>(100).fill('error'));
    source.missing.add(missing);
    source.placeholder.add(placeholder);
    fetcher.pageSets.set('faulty', ids);

    const { id } = await fetcher.startRun({ pageSetId: 'faulty' });
    expect(await fetcher.endOf(id, 60_000)).toMatchObject({
      state: 'done',
      totalCount: 20,
      storedCount: 16,
      failedCount: 4,
      missingCount: 1,
      placeholderCount: 1,
      corruptCount: 1,
      blockedCount: 1,
      retryAtCount: 0,
    });
    expect(await fetcher.pagesOf(id)).toEqual({
      stored: ids.filter((pageId) => ![alwaysHtml, alwaysError, missing, placeholder].includes(pageId)),
      corrupt: [alwaysHtml],
      blocked: [alwaysError],
      missing: [missing],
      placeholder: [placeholder],
    });
    const { images } = await fetcher.rpc.getImageStates({
      pageIds: [alwaysHtml, alwaysError],
      size: 'IMAGE_SIZE_MEDIUM',
    });
    expect(images[0]).toMatchObject({ state: 'IMAGE_STATE_CORRUPT', detail: 'bucket: not an image: an HTML page' });
    expect(images[1]!.detail).toMatch(/^gave up after 4 tries: bucket: status 500/);

    // The source has come back: the failed ones alone are fetched again.
    source.planFaults(alwaysHtml);
    source.planFaults(alwaysError);
    const before = source.requests.length;
    // An hour ago.
    await fetcher.db.pool.query(
      `update fetcher.fetch_run set started_at = started_at - interval '1 hour', ended_at = ended_at - interval '1 hour' where id = $1`,
      [id],
    );
    const { imagesPerSecond } = await fetcher.runOf(id);
    expect(imagesPerSecond).toBeGreaterThan(0.1);
    const retried = await fetcher.rpc.retryFailedPages({ fetchRunId: id });
    expect(retried.fetchRun).toMatchObject({ failedCount: 0, pageCounts: { blocked: 0 } });
    expect(await fetcher.endOf(id)).toMatchObject({
      state: 'done',
      storedCount: 18,
      failedCount: 2,
      missingCount: 1,
      placeholderCount: 1,
      corruptCount: 0,
      blockedCount: 0,
    });
    // The hour in which it had ended does not count.
    expect((await fetcher.runOf(id)).imagesPerSecond).toBeGreaterThan(imagesPerSecond / 2);
    expect(new Set(source.requests.slice(before))).toEqual(new Set([alwaysHtml, alwaysError, missing, placeholder]));
    await until(() => eventsOf(id).filter((event) => event.name === 'fetcher.fetch_run.completed').length === 2);
  }, 90_000);
});

describe('starting a run', () => {
  it('gives the same run for the same Idempotency-Key, and refuses the key for another request', async () => {
    const ids = somePages(3);
    const start = (body: object) => fetcher.post('/v1/fetch-runs', body, { 'idempotency-key': 'key-1' });
    const first = (await (await start({ pageIds: ids, size: 'thumb' })).json()) as { id: string };
    const again = await start({ pageIds: ids, size: 'thumb' });
    expect(again.status).toBe(202);
    expect(await again.json()).toMatchObject({ id: first.id });
    const other = await start({ pageIds: ids, size: 'full' });
    expect([other.status, await other.json()]).toMatchObject([
      409,
      { code: 'already_exists', field: 'Idempotency-Key' },
    ]);
  });

  it('names what is wrong with a request', async () => {
    const refusal = async (body: object) => {
      const response = await fetcher.post('/v1/fetch-runs', body);
      return [response.status, ((await response.json()) as { detail: string }).detail];
    };
    expect(await refusal({ size: 'medium' })).toEqual([400, expect.stringContaining('exactly one of')]);
    expect(await refusal({ size: 'medium', rule: 'a', pageIds: [1] })).toEqual([400, expect.stringContaining('not 2')]);
    expect(await refusal({ size: 'huge', pageIds: [1] })).toEqual([400, expect.stringContaining('size')]);
    expect(await refusal({ size: 'medium', pageSetId: 'nowhere' })).toEqual([404, expect.stringContaining('nowhere')]);
    expect((await fetcher.get('/v1/fetch-runs/nonsense')).status).toBe(404);
    expect((await fetcher.get('/v1/fetch-runs/0190a6f2-0000-7000-8000-000000000000')).status).toBe(404);
  });

  it('takes ids the catalog does not know as missing', async () => {
    const ids = somePages(2);
    const { id } = await fetcher.startRun({ pageIds: [...ids, 9999] });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'done', totalCount: 3, storedCount: 2, failedCount: 1 });
    expect(await fetcher.pagesOf(id)).toEqual({ stored: ids, missing: [9999] });
  });

  it('fails a run whose rule the catalog does not know, with the reason', async () => {
    const { id } = await fetcher.startRun({ rule: 'no-such-rule' });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'failed', reason: expect.stringContaining('no-such-rule') });
    await until(() => eventsOf(id).some((event) => event.name === 'fetcher.fetch_run.failed'));
  });
});

describe('a run over streamed ids', () => {
  const postIds = (lines: string, query = '', headers: Record<string, string> = {}) =>
    fetcher.post(`/v1/fetch-runs/ids?size=medium${query}`, undefined, headers, lines);

  it('takes more than one request holds, in any order and twice over, cut to a part, and names those that the catalog does not know', async () => {
    const known = somePages(700);
    const lines = [9999, ...known.toReversed(), ...known, ''].join('\n');
    const response = await postIds(lines, '&startIndex=10&maxCount=680');
    expect(response.status).toBe(202);
    const { id } = (await response.json()) as RunView;
    const all = [...known, 9999].toSorted((a, b) => a - b).slice(10, 690);
    expect(await fetcher.endOf(id, 60_000)).toMatchObject({ state: 'done', totalCount: 680, idCount: 1401 });
    const states = await fetcher.pagesOf(id);
    expect([...(states.stored ?? []), ...(states.missing ?? [])].toSorted((a, b) => a - b)).toEqual(all);
    expect(states.missing ?? []).toEqual(all.filter((pageId) => pageId === 9999));
    const left = await fetcher.db.kysely.selectFrom('fetch_id').select('page_id').execute();
    expect(left).toEqual([]);
  }, 90_000);

  it('is started by gRPC too, with a limit of its own', async () => {
    const ids = somePages(30);
    const { fetchRun } = await fetcher.rpc.startFetchRunOverIds(
      (async function* () {
        yield { size: 'IMAGE_SIZE_MEDIUM' as const, concurrency: 3, pageIds: ids.slice(0, 10) };
        yield { pageIds: ids.slice(10) };
      })(),
    );
    const { id } = fetchRun!.run!;
    expect(fetchRun).toMatchObject({ concurrency: 3, idCount: 30 });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'done', storedCount: 30, concurrency: 3 });
    expect((await fetcher.pagesOf(id)).stored).toEqual(ids);
  });

  it('names the line that holds no PageID, and leaves nothing', async () => {
    const response = await postIds('1200\n1201\nplate\n1203\n');
    expect([response.status, ((await response.json()) as { detail: string }).detail]).toEqual([
      400,
      expect.stringContaining('line 3'),
    ]);
    expect((await postIds('')).status).toBe(400);
    expect((await postIds('0\n')).status).toBe(400);
    expect(await fetcher.db.kysely.selectFrom('fetch_id').select('page_id').execute()).toEqual([]);
  });

  it('is the same run for the same Idempotency-Key and ids, and refused for others', async () => {
    const ids = somePages(4);
    const start = (some: number[]) => postIds(some.join('\n'), '', { 'idempotency-key': 'ids-1' });
    const first = (await (await start(ids)).json()) as RunView;
    expect(await (await start(ids)).json()).toMatchObject({ id: first.id });
    expect((await start(ids.slice(1))).status).toBe(409);
    await fetcher.endOf(first.id);
    expect(await fetcher.db.kysely.selectFrom('fetch_id').select('page_id').execute()).toEqual([]);
  });
});

describe('watching and cancelling', () => {
  it('sends the progress as server-sent events until the end', async () => {
    fetcher.source.delayMs = 20;
    const { id } = await fetcher.startRun({ pageIds: somePages(60) });
    const response = await fetcher.get(`/v1/fetch-runs/${id}/events`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const text = await response.text();
    fetcher.source.delayMs = 0;
    const runs = [...text.matchAll(/^event: progress\ndata: (.*)$/gm)].map((match) => JSON.parse(match[1]!));
    expect(runs.at(-1)).toMatchObject({ id, state: 'done', doneCount: 60, totalCount: 60 });
    expect(runs.length).toBeGreaterThan(1);
    const counts = runs.map((run) => run.doneCount);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });

  it('stops fetching when a run is cancelled, keeps what is stored, and cancels twice without complaint', async () => {
    fetcher.source.delayMs = 100;
    const ids = somePages(200);
    const { id } = await fetcher.startRun({ pageIds: ids });
    await until(async () => (await fetcher.runOf(id)).storedCount > 5);
    const cancelled = await fetcher.rpc.cancelFetchRun({ fetchRunId: id });
    expect(cancelled.fetchRun!.run!.state).toBe('RUN_STATE_CANCELLED');
    expect((await fetcher.post(`/v1/fetch-runs/${id}/cancel`)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const asked = requestsFor(ids).length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    fetcher.source.delayMs = 0;
    expect(requestsFor(ids).length).toBe(asked);
    expect(asked).toBeLessThan(150);
    expect((await fetcher.runOf(id)).storedCount).toBeGreaterThan(5);
    await until(() => eventsOf(id).some((event) => event.name === 'fetcher.fetch_run.cancelled'));
    expect((await fetcher.post(`/v1/fetch-runs/${id}/retry`)).status).toBe(400);
  });

  it('holds a run that is paused, counts no time for it, and goes on when it is resumed, fetching nothing twice', async () => {
    fetcher.source.delayMs = 40;
    const ids = somePages(150);
    const { id } = await fetcher.startRun({ pageIds: ids });
    await until(async () => (await fetcher.runOf(id)).storedCount > 10);
    expect(await (await fetcher.post(`/v1/fetch-runs/${id}/pause`)).json()).toMatchObject({ state: 'paused' });
    expect((await fetcher.post(`/v1/fetch-runs/${id}/pause`)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const held = await fetcher.runOf(id);
    const asked = requestsFor(ids).length;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(requestsFor(ids).length).toBe(asked);
    expect(asked).toBeLessThan(150);
    expect((await fetcher.runOf(id)).imagesPerSecond).toBe(held.imagesPerSecond);
    expect((await fetcher.post(`/v1/fetch-runs/${id}/retry`)).status).toBe(400);
    fetcher.source.delayMs = 0;
    const resumed = await fetcher.post(`/v1/fetch-runs/${id}/resume`);
    expect([resumed.status, ((await resumed.json()) as RunView).state]).toEqual([202, 'running']);
    expect(await fetcher.endOf(id)).toMatchObject({
      state: 'done',
      storedCount: 150,
      fetchedCount: 150,
      failedCount: 0,
    });
    // Those that were under way at the pause were let go, and are asked for again.
    const again = requestsFor(ids).length - 150;
    expect(again).toBeLessThanOrEqual(8);
    expect((await fetcher.post(`/v1/fetch-runs/${id}/pause`)).status).toBe(400);
    expect((await fetcher.post(`/v1/fetch-runs/${id}/resume`)).status).toBe(400);
  });

  it('cancels a run that gRPC paused, resumed and paused again', async () => {
    fetcher.source.delayMs = 40;
    const { id } = await fetcher.startRun({ pageIds: somePages(100) });
    const paused = await fetcher.rpc.pauseFetchRun({ fetchRunId: id });
    expect(paused.fetchRun!.run!.state).toBe('RUN_STATE_PAUSED');
    await fetcher.rpc.resumeFetchRun({ fetchRunId: id });
    expect(['pending', 'running']).toContain((await fetcher.runOf(id)).state);
    await fetcher.rpc.pauseFetchRun({ fetchRunId: id });
    expect(await (await fetcher.post(`/v1/fetch-runs/${id}/cancel`)).json()).toMatchObject({ state: 'cancelled' });
    fetcher.source.delayMs = 0;
  });

  it('keeps to the concurrency of a run', async () => {
    fetcher.source.delayMs = 30;
    fetcher.source.inFlightPeak = 0;
    const { id } = await fetcher.startRun({ pageIds: somePages(40), concurrency: 2 });
    expect(await fetcher.endOf(id)).toMatchObject({ state: 'done', storedCount: 40, concurrency: 2 });
    fetcher.source.delayMs = 0;
    expect(fetcher.source.inFlightPeak).toBe(2);
  });

  it('shows requests, bytes, the gate and the queue as metrics', async () => {
    const { id } = await fetcher.startRun({ pageIds: somePages(5) });
    await fetcher.endOf(id);
    const text = await (await fetcher.get('/metrics')).text();
    for (const line of [
      /^florilegium_fetcher_requests_total\{source="bucket",result="fetched"\} \d+/m,
      /^florilegium_fetcher_received_bytes_total\{source="bucket",result="fetched"\} \d+/m,
      /^florilegium_fetcher_request_duration_seconds_bucket\{le="1",source="bucket"\} \d+/m,
      /^florilegium_fetcher_pages_total\{state="stored"\} \d+/m,
      /^# TYPE florilegium_fetcher_gate_requests gauge/m,
      /^# TYPE florilegium_fetcher_queue_lag_seconds gauge/m,
      /^# TYPE florilegium_fetcher_batches gauge/m,
    ])
      expect(text).toMatch(line);
  });

  it('lists runs newest first, page by page', async () => {
    const first = (await (await fetcher.get('/v1/fetch-runs?limit=2')).json()) as {
      fetchRuns: { id: string }[];
      next: string;
    };
    const second = (await (await fetcher.get(`/v1/fetch-runs?limit=2&after=${first.next}`)).json()) as typeof first;
    const ids = [...first.fetchRuns, ...second.fetchRuns].map((run) => run.id);
    expect(ids).toEqual(ids.toSorted().reverse());
    expect(new Set(ids).size).toBe(4);
  });
});
