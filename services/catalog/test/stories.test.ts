import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Page } from '@florilegium/contracts/catalog';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { itemFile, pageFile, tabFile, zipOf } from './an-export.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
let server: Server;
let host: string;
let archive: Buffer;
const ranges: string[] = [];

const plate = (pageId: number, itemId: number, sequence: number) => ({
  pageId,
  itemId,
  sequence,
  prefix: 'Plate',
  number: String(sequence),
  typeName: 'Illustration',
});
const files = {
  'page.txt': pageFile([plate(11, 1, 1), { pageId: 12, itemId: 1, sequence: 2 }, plate(21, 2, 1), plate(31, 3, 1)]),
  'item.txt': itemFile([
    { itemId: 1, titleId: 5, license: 'http://creativecommons.org/licenses/by-nc-sa/3.0/' },
    { itemId: 2, titleId: 5 },
    { itemId: 3 },
  ]),
  'title.txt': tabFile(
    ['TitleID', 'FullTitle', 'PublicationDetails', 'TL2Author'],
    [[5, 'Flora alpina /', 'Tübingen :Cotta,1802.', 'TL2']],
  ),
  'creator.txt': tabFile(
    ['TitleID', 'CreatorID', 'CreatorType', 'CreatorName'],
    [
      [5, 1, 'Main Entry', 'Gmelin, J. G.'],
      [5, 2, 'Added Entry', 'Merian, M. S.'],
      [5, 1, 'Added Entry', 'Gmelin, J. G.'],
      [99, 3, 'Main Entry', 'Nobody'],
    ],
  ),
  'part.txt': tabFile(
    ['PartID', 'ItemID', 'Title', 'Date', 'PageRange', 'RightsStatus', 'LicenseUrl', 'RightsHolder'],
    [
      [7, 2, 'On moths', '1803', '1--9', '', 'https://creativecommons.org/licenses/by/4.0/', 'M. Author'],
      [6, 2, 'Of unknown rights', '', '', '', '', 'Somebody'],
      [8, 9, 'Not kept', '', '', '', '', ''],
    ],
  ),
  'partpage.txt': tabFile(
    ['PartID', 'PageID', 'ItemID', 'SequenceOrder', 'CreationDate'],
    [
      [7, 21, 2, 1, ''],
      [7, 22, 2, 2, ''],
      [6, 31, 3, 1, ''],
      [8, 90, 9, 1, ''],
    ],
  ),
  'pagename.txt': tabFile(
    ['NameBankID', 'NameConfirmed', 'PageID', 'CreationDate'],
    [
      ['', 'Vanessa io', 21, ''],
      ['', 'Bombyx mori', 21, ''],
      ['', 'Vanessa io', 21, ''],
      ['', 'Homo sapiens', 90, ''],
      ['', 'Bad line', 'x', ''],
      ...Array.from({ length: 20 }, (_, index) => ['', 'Rosa', 1000 + index, '']),
    ],
  ),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    if (!request.url?.endsWith('/data.zip')) return response.writeHead(404).end();
    const head = { etag: '"1"', 'accept-ranges': 'bytes' };
    if (request.method === 'HEAD') return response.writeHead(200, { ...head, 'content-length': archive.length }).end();
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    ranges.push(request.headers.range ?? 'all');
    response.writeHead(206, head).end(archive.subarray(Number(from), Number(to) + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  harness = await startHarness('stories', { IMPORT_HOSTS: host, RESERVOIR_PAGES: '0' });
  await harness.start({ role: 'worker' });
  archive = zipOf(Object.fromEntries(Object.entries(files).map(([name, text]) => [`Data/${name}`, text])));
});
afterAll(async () => {
  await harness.close();
  server.close();
});

const story = async (pageId: number) => (await harness.get(`/v1/pages/${pageId}`)).body;

describe('an export with articles and names', () => {
  it('tells who made a page, what it belongs to, what is on it and what may be done with it', async () => {
    const run = await harness.importFrom(await harness.exportIn('plain', files), { withNames: true });
    expect(run).toMatchObject({ state: 'done', badLineCount: 1, secondsLeft: 0 });
    expect(await story(21)).toMatchObject({
      authors: 'Gmelin, J. G.; Merian, M. S.',
      place: 'Plate 1',
      names: ['Bombyx mori', 'Vanessa io'],
      parts: [{ partId: 7, title: 'On moths', bhlAddress: 'https://www.biodiversitylibrary.org/part/7' }],
      reuse: 'attribution',
      license: 'https://creativecommons.org/licenses/by/4.0/',
      citation:
        'Gmelin, J. G.; Merian, M. S. On moths, pp. 1--9. In: Flora alpina, v.1 (1836). Tübingen :Cotta,1802. Plate 1. Biodiversity Heritage Library, https://www.biodiversitylibrary.org/page/21.',
    });
    expect(await story(11)).toMatchObject({ names: [], parts: [], reuse: 'limited' });
    // An article without a known class leaves the rights to the item, the shown ones as well as their class.
    expect(await story(31)).toMatchObject({
      authors: '',
      title: '',
      parts: [{ partId: 6 }],
      reuse: 'public_domain',
      rights: 'Public domain.',
    });
    const { part, page_part, page_name } = await harness.contents();
    expect([part!.length, page_part!.length, page_name!.length]).toEqual([2, 2, 1]);
  });

  it('is told by gRPC for many pages as for one, in ascending PageID', async () => {
    const rpc = harness.rpcOf('v');
    const tell = async (pageIds: number[]) => {
      const told: Page[] = [];
      for await (const message of rpc.streamStories({ pageIds })) told.push(...message.pages);
      return told;
    };
    const pages = await tell([31, 21, 11, 999]);
    expect(pages.map(({ ref }) => ref?.pageId)).toEqual([11, 21, 31]);
    for (const page of pages) expect(page).toEqual((await rpc.getPage({ pageId: page.ref!.pageId })).page);
    await expect(tell(Array.from({ length: 501 }, (_, id) => id))).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('names the rule by its hash', async () => {
    const rpc = harness.rpcOf('v');
    const { rules } = (await harness.get('/v1/pages/rules')).body;
    const illustrated = rules.find(({ name }: { name: string }) => name === 'illustrated');
    expect(await rpc.getRule({})).toEqual({
      name: 'illustrated',
      version: illustrated.version,
      sha256: illustrated.hash,
    });
    await expect(rpc.getRule({ name: 'none' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is the same inside an archive, on disk and on a server, of which only the parts are read', async () => {
    const before = await harness.contents(', xmin::text');
    const zip = await harness.exportIn('zipped', { 'data.zip': archive });
    for (const source of [zip, join(zip, 'data.zip'), `http://${host}/TSV`, `http://${host}/TSV/data.zip`]) {
      const run = await harness.importFrom(source, { withNames: true });
      expect(run, `${source}: ${run.reason}`).toMatchObject({ state: 'done', newPageCount: 0, changedPageCount: 0 });
      expect(await harness.contents(', xmin::text')).toEqual(before);
    }
    expect(ranges.length).toBeGreaterThan(10);
    expect(ranges).not.toContain('all');
  });

  it('leaves names and articles as they are when they are not read again, and takes them away when they are gone', async () => {
    const without = { ...files, 'part.txt': undefined, 'partpage.txt': undefined } as unknown as typeof files;
    for (const key of ['part.txt', 'partpage.txt'] as const) delete (without as Partial<typeof files>)[key];
    await harness.importFrom(await harness.exportIn('without', without));
    expect(await story(21)).toMatchObject({ names: ['Bombyx mori', 'Vanessa io'], parts: [{ partId: 7 }] });
    const nothing = {
      ...files,
      'partpage.txt': tabFile(['PartID', 'PageID'], []),
      'pagename.txt': tabFile(['NameConfirmed', 'PageID'], []),
    };
    await harness.importFrom(await harness.exportIn('nothing', nothing), { withNames: true });
    expect(await story(21)).toMatchObject({ names: [], parts: [], reuse: 'public_domain' });
    await harness.importFrom(join(harness.root, 'plain'), { withNames: true });
  });

  it('says which file of an archive is damaged', async () => {
    const damaged = Buffer.from(archive);
    damaged.fill(0xff, 45, 60);
    const run = await harness.importFrom(await harness.exportIn('damaged', { 'data.zip': damaged }));
    expect(run).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/^data\.zip: Data\/page\.txt is not a sound ZIP archive/),
    });
  });
});

describe('what may be reused', () => {
  it('is counted, and filters lists', async () => {
    expect((await harness.get('/v1/pages/reuse')).body).toEqual({
      reuse: { public_domain: 1, attribution: 1, limited: 1, in_copyright: 0, unknown: 0 },
    });
    const ids = async (query: string) =>
      (await harness.get(`/v1/pages?${query}`)).body.pages.map(({ pageId }: { pageId: number }) => pageId);
    expect(await ids('reuse=public_domain&reuse=attribution')).toEqual([21, 31]);
    expect(await ids('reuse=limited')).toEqual([11]);
    expect((await harness.get('/v1/pages?reuse=free')).status).toBe(400);
  });
});

it('answers with an ETag, and with 304 to who has the page already', async () => {
  const ask = (tag: string) =>
    fetch(`${harness.base}/v1/pages/21`, { headers: { authorization: 'Bearer v', 'if-none-match': tag } });
  const tag = (await ask('')).headers.get('etag')!;
  expect((await ask(tag)).status).toBe(304);
  await harness.importFrom(
    await harness.exportIn('retitled', { ...files, 'creator.txt': tabFile(['TitleID', 'CreatorName'], []) }),
  );
  expect((await ask(tag)).status).toBe(200);
});
