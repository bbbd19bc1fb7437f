import { readFile, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aLibrary, itemFile, pageFile, type RowOf, titleFile } from './an-export.ts';
import { type Harness, type ImportView, startHarness, until } from './harness.ts';

let harness: Harness;
let server: Server;
let serverHost: string;
/** What the web server does with a request for a file. */
interface Served {
  bytes: Buffer;
  type?: string;
  breakAfter?: number;
  requests: { range: string | undefined }[];
}
const served = new Map<string, Served>();

beforeAll(async () => {
  server = createServer((request, response) => {
    const file = served.get(request.url ?? '');
    if (!file) return response.writeHead(404).end();
    const { bytes, type } = file;
    if (type) response.setHeader('content-type', type);
    if (request.method === 'HEAD') return response.writeHead(200, { 'content-length': bytes.length }).end();
    const range = request.headers.range;
    file.requests.push({ range });
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, etag: '"1"' });
    if (file.breakAfter === undefined || file.requests.length > 3) return response.end(bytes.subarray(from));
    response.write(bytes.subarray(from, from + file.breakAfter), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  serverHost = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  harness = await startHarness('imports', { IMPORT_HOSTS: serverHost });
  await harness.start({ role: 'worker' });
});
afterAll(async () => {
  await harness.close();
  server.close();
});

const files = (rows: readonly RowOf[], items = [{ itemId: 7 }]) => ({
  'data/page.txt.gz': pageFile(rows),
  'data/item.txt.gz': itemFile(items),
});

describe('an import', () => {
  const { rows, items } = aLibrary(12, 30);
  const titles = [500, 501, 502, 503, 504].map((titleId) => ({ titleId, title: `Flora ${titleId}` }));

  it('keeps plate-like pages with rows and neighbours, a reservoir of others, and counts the rest by type', async () => {
    const source = await harness.exportIn('first', { ...files(rows, items), 'data/title.txt.gz': titleFile(titles) });
    const run = await harness.importFrom(source);
    const pages = new Set(rows.map(({ pageId }) => pageId));
    const kept = new Set(
      rows
        .filter(({ prefix, typeName }) => typeName === 'Illustration' || prefix === 'Tab.')
        .map(({ pageId }) => pageId),
    );
    const pure = [...kept].filter((id) =>
      rows
        .filter(({ pageId }) => pageId === id)
        .every(({ prefix, typeName }) => prefix === 'Plate' && typeName === 'Illustration'),
    );
    expect(run).toMatchObject({
      state: 'done',
      reason: null,
      rowCount: rows.length,
      pageCount: pages.size,
      keptPageCount: kept.size,
      newPageCount: kept.size,
      changedPageCount: 0,
      vanishedPageCount: 0,
      badLineCount: 0,
      candidateCounts: { illustrated: kept.size, reference: pure.length },
    });
    const byType = (counted: readonly RowOf[]) => {
      const counts: Record<string, number> = {};
      for (const { typeName } of counted) counts[typeName!] = (counts[typeName!] ?? 0) + 1;
      return counts;
    };
    const typeCounts = byType(rows);
    const outsideTypeCounts = byType(rows.filter(({ pageId }) => !kept.has(pageId)));
    expect(run).toMatchObject({ typeCounts, outsideTypeCounts });
    expect(run.outsideTypeCounts.Text).toBeLessThan(run.typeCounts.Text!);
    expect((await harness.rpcOf('v').getImport({ importId: run.id })).import).toMatchObject({
      newPageCount: kept.size,
      changedPageCount: 0,
      vanishedPageCount: 0,
      typeCounts,
      outsideTypeCounts,
    });
    expect(run.totalCount).toBeGreaterThan(0);
    expect(run.doneCount).toBe(run.totalCount);

    const { page } = await harness.contents();
    expect(page!.filter((row) => (row as { kept_as: string }).kept_as === 'reservoir')).toHaveLength(30);
    const reservoir = (await harness.get('/v1/pages?reservoir=true')).body.pages;
    expect(reservoir).toHaveLength(30);
    expect(reservoir.some(({ pageId }: { pageId: number }) => kept.has(pageId))).toBe(false);
    const streamed = [];
    for await (const { pages: some } of harness.rpcOf('v').streamPages({ reservoir: true })) streamed.push(...some);
    expect(streamed).toEqual(reservoir);
    expect((await harness.get('/v1/pages?reservoir=true&rule=reference')).status).toBe(400);
    const double = rows.find((row, index) => rows[index + 1]?.pageId === row.pageId)!;
    const { body } = await harness.get(`/v1/pages/${double.pageId}`);
    expect(body.rows.map(({ typeName }: { typeName: string }) => typeName)).toEqual(['Text', 'Illustration']);
    const id = double.pageId as number;
    expect(body.neighbours.map(({ pageId }: { pageId: number }) => pageId)).toEqual([id - 2, id - 1, id + 1, id + 2]);
    await until(() => harness.events.some(({ name }) => name === 'catalog.import.completed'));
    expect(harness.events[0]).toMatchObject({ payload: { importId: run.id, keptPageCount: kept.size } });
  });

  it('changes nothing when the same export comes again', async () => {
    const before = await harness.contents(', xmin::text');
    const run = await harness.importFrom(join(harness.root, 'first'));
    expect(run).toMatchObject({ state: 'done', newPageCount: 0, changedPageCount: 0, vanishedPageCount: 0 });
    expect(await harness.contents(', xmin::text')).toEqual(before);
  });

  it('gives the same whatever the order of the rows: rows of a page far apart, items mixed', async () => {
    const before = await harness.contents();
    // Every third row first, then the others: items and the double rows of pages are torn apart.
    const torn = [...rows.filter((_, index) => index % 3 === 0), ...rows.filter((_, index) => index % 3 !== 0)];
    const source = await harness.exportIn('torn', { ...files(torn, items), 'data/title.txt.gz': titleFile(titles) });
    const run = await harness.importFrom(source);
    expect(run).toMatchObject({ state: 'done', rowCount: rows.length, newPageCount: 0, vanishedPageCount: 0 });
    // Rows of a page keep the order of the file, so only pages whose two rows were swapped may differ.
    const plain = (contents: Record<string, unknown[]>) =>
      contents.page!.map((page) => ({ ...(page as object), rows: [...(page as { rows: string[][] }).rows].sort() }));
    const after = await harness.contents();
    expect(plain(after)).toEqual(plain(before));
    expect({ ...after, page: [] }).toEqual({ ...before, page: [] });
    const left = await harness.db.pool.query("select tablename from pg_tables where tablename like 'staging%'");
    expect(left.rows).toEqual([]);
  });

  it('tells what is new, what reads otherwise and what is gone of the pages kept for their rows', async () => {
    await harness.importFrom(join(harness.root, 'first'));
    const plates = rows.filter(({ prefix }) => prefix === 'Plate');
    const [gone, text, moved] = plates.map(({ pageId }) => pageId);
    const newer = rows
      .filter(({ pageId }) => pageId !== gone)
      .map((row) => {
        if (row.pageId === text) return { ...row, prefix: 'Page', typeName: 'Text' };
        if (row.pageId === moved) return { ...row, number: '77' };
        return row;
      });
    newer.push({ pageId: 800_001, itemId: 800, prefix: 'Plate' }, { pageId: 800_002, itemId: 800, sequence: 2 });
    const titleFiles = { 'data/title.txt.gz': titleFile(titles) };
    const source = await harness.exportIn('delta', { ...files(newer, [...items, { itemId: 800 }]), ...titleFiles });
    const counts = ({ newPageCount, changedPageCount, vanishedPageCount }: ImportView) =>
      [newPageCount, changedPageCount, vanishedPageCount] as const;
    // The neighbours of a page that is gone have another neighbour: they read otherwise, too.
    const near = plates.filter(
      ({ pageId, itemId }) =>
        itemId === plates[0]!.itemId && pageId !== gone && Math.abs(Number(pageId) - Number(gone)) <= 2,
    );
    const [added, changed, vanished] = counts(await harness.importFrom(source));
    expect([added, vanished]).toEqual([1, 2]);
    expect(changed).toBeGreaterThanOrEqual(1 + near.length);
    const back = await harness.importFrom(join(harness.root, 'first'));
    expect(counts(back)).toEqual([2, changed, 1]);
  });

  it('leaves the tables named and indexed as their migrations made them', async () => {
    const shapeOf = async ({ db }: Pick<Harness, 'db'>) => {
      const indexes = await db.pool.query(
        "select tablename, indexname, indexdef from pg_indexes where schemaname = 'catalog' order by 1, 2",
      );
      const constraints = await db.pool.query(
        "select conrelid::regclass::text as table, conname, pg_get_constraintdef(oid) as definition from pg_constraint where connamespace = 'catalog'::regnamespace order by 1, 2",
      );
      const columns = await db.pool.query(
        "select table_name, ordinal_position, column_name, data_type, is_nullable, column_default from information_schema.columns where table_schema = 'catalog' order by 1, 2",
      );
      return { indexes: indexes.rows, constraints: constraints.rows, columns: columns.rows };
    };
    const untouched = await startHarness('untouched');
    try {
      expect(await shapeOf(harness)).toEqual(await shapeOf(untouched));
    } finally {
      await untouched.close();
    }
  });

  it('keeps what a newer export no longer holds, but as former, and no longer as a candidate', async () => {
    const kept = (await harness.get('/v1/pages?limit=1')).body.pages[0];
    const newer = rows.filter(({ pageId }) => pageId !== kept.pageId);
    const source = await harness.exportIn('newer', { ...files(newer, items), 'data/title.txt.gz': titleFile(titles) });
    const run = await harness.importFrom(source);
    expect(run).toMatchObject({ state: 'done', vanishedPageCount: 1 });
    expect((await harness.get(`/v1/pages/${kept.pageId}`)).body).toMatchObject({ keptAs: 'former' });
    expect((await harness.get('/v1/pages?limit=1')).body.pages[0].pageId).not.toBe(kept.pageId);
    expect((await harness.get(`/v1/pages/${kept.pageId}/why`)).body).toMatchObject({
      selected: false,
      reason: 'no_longer_in_the_export',
    });
    await harness.importFrom(join(harness.root, 'first'));
    expect((await harness.get(`/v1/pages/${kept.pageId}`)).body).toMatchObject({ keptAs: 'rule' });
  });

  it('fails on a corrupt page file, says which and where, and leaves the catalog as it was', async () => {
    const before = await harness.contents(', xmin::text');
    const big = aLibrary(40, 60);
    const sound = gzipSync(pageFile(big.rows));
    const source = await harness.exportIn('corrupt', {
      ...files(rows, big.items),
      'data/page.txt.gz': sound.subarray(0, sound.length - 40),
    });
    const run = await harness.importFrom(source);
    expect(run.state).toBe('failed');
    expect(run.reason).toMatch(/^data\/page\.txt\.gz is not a sound gzip file: it ends too early after line \d+$/);
    expect(await harness.contents(', xmin::text')).toEqual(before);
    await until(() => harness.events.some(({ name }) => name === 'catalog.import.failed'));
    expect(harness.events.find(({ name }) => name === 'catalog.import.failed')).toMatchObject({
      payload: { importId: run.id, reason: run.reason },
    });
  });

  it.each([
    ['no-item', { 'page.txt': pageFile([{ pageId: 1 }]) }, /no-item holds no item\.txt\.gz/],
    ['no-page', { 'item.txt': itemFile([{ itemId: 1 }]) }, /no-page holds no page\.txt\.gz/],
    [
      'no-column',
      { 'page.txt': 'PageID\tPagePrefix\n1\tPlate\n', 'item.txt': itemFile([]) },
      /^page\.txt: line 1: the header has no column PageTypeName$/,
    ],
    ['empty', { 'page.txt': '', 'item.txt': itemFile([]) }, /^page\.txt: the file is empty$/],
    [
      'web-page',
      { 'page.txt': '<html>\n<body>not found', 'item.txt': itemFile([]) },
      /^page\.txt: line 1: the header has no column PageID$/,
    ],
    [
      'many-bad',
      { 'page.txt': pageFile([{ pageId: 1 }, { pageId: 'x' }, { pageId: 2 }]), 'item.txt': itemFile([]) },
      /^page\.txt: 1 of 3 lines are bad \(more than 5 %\), the first in line 3: id not numeric$/,
    ],
  ])('fails with one clear line: %s', async (folder, content, reason) => {
    const run = await harness.importFrom(await harness.exportIn(folder, content as unknown as Record<string, string>));
    expect(run).toMatchObject({ state: 'failed', reason: expect.stringMatching(reason) });
    const { body } = await harness.get(`/v1/imports/${run.id}/bad-lines`);
    const isBad = folder === 'many-bad';
    expect(body.badLines).toEqual(isBad ? [{ file: 'page.txt', line: 3, reason: 'id_not_numeric' }] : []);
    expect(run.badLineCount).toBe(isBad ? 1 : 0);
  });

  it('counts and reports few bad lines and reads on', async () => {
    const many = Array.from({ length: 60 }, (_, index) => ({
      pageId: 90_000 + index,
      itemId: 99,
      sequence: index + 1,
    }));
    const source = await harness.exportIn(
      'few-bad',
      files([...many, { pageId: '12b' }, { pageId: 90_100, itemId: 99 }], [{ itemId: 99 }]),
    );
    const run = await harness.importFrom(source);
    expect(run).toMatchObject({ state: 'done', pageCount: 61, badLineCount: 1 });
    const { body } = await harness.get(`/v1/imports/${run.id}/bad-lines`);
    expect(body.badLines).toEqual([{ file: 'data/page.txt.gz', line: 62, reason: 'id_not_numeric' }]);
  });

  it('refuses to read names where there is no file of them', async () => {
    const run = await harness.importFrom(join(harness.root, 'first'), { withNames: true });
    expect(run).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('holds no pagename.txt.gz, pagename.txt'),
    });
  });

  it('keeps text that COPY has a meaning for', async () => {
    const prefix = 'Plate \\N \\. "x" {y,z} \u000b é\u0000';
    // The torn item takes the rows through PostgreSQL and back.
    const source = await harness.exportIn(
      'odd',
      files(
        [
          { pageId: 70_001, itemId: 70, prefix },
          { pageId: 70_002, itemId: 71 },
          { pageId: 70_003, itemId: 70, sequence: 2 },
        ],
        [{ itemId: 70 }],
      ),
    );
    expect((await harness.importFrom(source)).state).toBe('done');
    const { body } = await harness.get('/v1/pages/70001');
    expect(body.rows[0].prefix).toBe(prefix.replace('\0', '\uFFFD'));
  });
});

describe('text', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        '\\N',
        "'",
        '{',
        '}',
        ',',
        '[',
        ']',
        '\u0000',
        '\u0001',
        '\u007f',
        '\u2028',
        '\r',
        ' ',
        '',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 30 }),
    ),
    { maxLength: 4 },
  );
  const value = fc
    .tuple(pieces, fc.option(fc.constantFrom([0xff], [0xc3, 0x28], [0xe2, 0x82], [0xed, 0xa0, 0x80])))
    .map(([parts, broken]) =>
      Buffer.concat([Buffer.from(parts.join('').replaceAll(/[\t\n]/g, ' ')), Buffer.from(broken ?? [])]),
    );
  const readBack = (bytes: Buffer) => bytes.toString('utf8').replaceAll('\0', '\uFFFD');

  it('is kept whatever its bytes: quotes, backslashes, controls, broken UTF-8', async () => {
    const pages = fc.sample(fc.tuple(value, value, value, value, value), { numRuns: 400, seed: 1 });
    const lines = pages.map(([year, volume, issue, prefix, number], index) =>
      Buffer.concat([
        Buffer.from(`${600_000 + index}\t60\t${index + 1}\t`),
        ...[year, volume, issue, prefix, number].flatMap((bytes) => [bytes, Buffer.from('\t')]),
        Buffer.from('Illustration\t\r\n'),
      ]),
    );
    const source = await harness.exportIn('bytes', {
      'page.txt': Buffer.concat([Buffer.from(pageFile([])), ...lines]),
      'item.txt': itemFile([{ itemId: 60 }]),
    });
    expect(await harness.importFrom(source)).toMatchObject({ state: 'done', keptPageCount: 400, badLineCount: 0 });
    const { rows: kept } = await harness.db.pool.query(
      'select year, volume, issue, rows from page where page_id between 600000 and 600399 order by page_id',
    );
    expect(kept).toEqual(
      pages.map(([year, volume, issue, prefix, number]) => ({
        year: readBack(year),
        volume: readBack(volume),
        issue: readBack(issue),
        rows: [[readBack(prefix), readBack(number), 'Illustration']],
      })),
    );
  });
});

describe('over the network', () => {
  it('takes a broken connection up where it broke', async () => {
    const { rows, items } = aLibrary(20, 50);
    const page = {
      bytes: gzipSync(pageFile(rows), { level: 0 }),
      breakAfter: 10_000,
      requests: [] as { range: string | undefined }[],
    };
    served.set('/bucket/data/page.txt.gz', page);
    served.set('/bucket/data/item.txt.gz', { bytes: gzipSync(itemFile(items)), requests: [] });
    const run = await harness.importFrom(`http://${serverHost}/bucket`);
    expect(run).toMatchObject({ state: 'done', rowCount: rows.length });
    expect(page.requests.map(({ range }) => range)).toEqual([
      undefined,
      'bytes=10000-',
      'bytes=20000-',
      'bytes=30000-',
    ]);
  });

  it('takes a web page in the place of a file for no file', async () => {
    const { rows, items } = aLibrary(3, 10);
    served.set('/site/data/page.txt', { bytes: Buffer.from(pageFile(rows)), requests: [] });
    served.set('/site/data/item.txt', { bytes: Buffer.from(itemFile(items)), requests: [] });
    const web = { bytes: Buffer.from('<html>'), requests: [], type: 'text/html; charset=utf-8' };
    for (const name of ['page.txt.gz', 'title.txt.gz', 'title.txt']) served.set(`/site/data/${name}`, web);
    expect(await harness.importFrom(`http://${serverHost}/site`)).toMatchObject({
      state: 'done',
      rowCount: rows.length,
    });
  });

  it.each(['http://example.org/data', 'file:///etc', 'http://user:secret@127.0.0.1/', 'ftp://example.org/'])(
    'refuses %s, which is no configured host',
    async (source) => {
      const { status, body } = await harness.post('/v1/imports', { source });
      expect(status).toBe(400);
      expect(body).toMatchObject({ code: 'invalid_argument', field: 'source' });
      expect(JSON.stringify(body)).not.toContain('secret');
    },
  );
});

describe('sources on disk', () => {
  it('must lie under a configured root, also behind links', async () => {
    const source = await harness.exportIn('linked', {});
    for (const outside of ['/etc', `${harness.root}/..`, `${harness.root}/nowhere`, 'relative']) {
      expect((await harness.post('/v1/imports', { source: outside })).status).toBe(400);
    }
    await symlink('/etc/hostname', join(source, 'page.txt'));
    await symlink('/etc', join(harness.root, 'etc'));
    expect((await harness.post('/v1/imports', { source: join(harness.root, 'etc') })).status).toBe(400);
    expect(await harness.importFrom(source)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('holds no page.txt'),
    });
    expect(await readFile('/etc/hostname', 'utf8')).not.toBe('');
  });
});

describe('runs', () => {
  it('answer the same key with the same import, and refuse it for another source', async () => {
    const source = join(harness.root, 'first');
    const key = { 'idempotency-key': 'once' };
    const first = await harness.post<ImportView>('/v1/imports', { source }, key);
    const second = await harness.post<ImportView>('/v1/imports', { source }, key);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body.id).toBe(first.body.id);
    const other = await harness.post('/v1/imports', { source: join(harness.root, 'torn') }, key);
    expect(other).toMatchObject({ status: 409, body: { code: 'already_exists' } });
    await harness.endOf(first.body.id);
  });

  it('are told as server-sent events until they end, and listed newest first', async () => {
    const { body } = await harness.post<ImportView>('/v1/imports', { source: join(harness.root, 'first') });
    const response = await fetch(`${harness.base}/v1/imports/${body.id}/events`, {
      headers: { authorization: 'Bearer v' },
    });
    const events = (await response.text()).split('\n\n').filter((text) => text.startsWith('event: progress'));
    const states = events.map((text) => JSON.parse(text.split('data: ')[1]!).state as string);
    expect(states.at(-1)).toBe('done');
    const first = await harness.get('/v1/imports?limit=1');
    expect(first.body.imports[0].id).toBe(body.id);
    const second = await harness.get(`/v1/imports?limit=1&after=${first.body.next}`);
    expect(second.body.imports[0].id < body.id).toBe(true);
  });

  it('refuse to be cancelled once done, and callers without the role', async () => {
    const run = await harness.importFrom(join(harness.root, 'first'));
    expect(await harness.post(`/v1/imports/${run.id}/cancel`, {})).toMatchObject({
      status: 400,
      body: { code: 'failed_precondition' },
    });
    const asViewer = await harness.post('/v1/imports', { source: 'x' }, { authorization: 'Bearer v' });
    expect(asViewer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
    const nobody = await harness.post('/v1/imports', { source: 'x' }, { authorization: '' });
    expect(nobody.status).toBe(401);
    expect((await harness.get('/v1/imports/00000000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await harness.get('/v1/imports/7')).status).toBe(400);
    expect((await harness.post('/v1/imports', { source: 'x', rows: 1 })).body).toMatchObject({ field: 'rows' });
  });
});

it('describes itself as OpenAPI 3.1, each operation with its role, and is ready', async () => {
  const { body } = await harness.get('/v1/openapi/catalog.json');
  expect(body.openapi).toBe('3.1.0');
  const operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods as object).map(([method, { description }]) => ({ name: `${method} ${path}`, description })),
  );
  expect(operations.length).toBeGreaterThanOrEqual(13);
  for (const { name, description } of operations)
    expect(description, name).toMatch(/Needs the role `(viewer|operator)`/);
  expect((await harness.get('/readyz')).status).toBe(200);
});
