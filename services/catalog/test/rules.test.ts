import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCandidateRules } from '@florilegium/bhl';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aLibrary, itemFile, pageFile } from './an-export.ts';
import { type Harness, type Json, startHarness, until } from './harness.ts';

let harness: Harness;
let folder: string;
let rulesFile: string;
let source: string;
const { rows, items } = aLibrary(10, 40);
const maps = [
  { pageId: 91, itemId: 50, sequence: 1, typeName: 'Map', prefix: '' },
  { pageId: 92, itemId: 50, sequence: 2, typeName: 'Text', year: '1901', prefix: 'Taf.' },
];
const all = [...rows, ...maps];
const idsOf = (matches: (row: (typeof all)[number]) => boolean) =>
  new Set(all.filter(matches).map(({ pageId }) => pageId as number));
const tables = idsOf(({ prefix }) => prefix === 'Tab.');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'catalog-rules-'));
  rulesFile = join(folder, 'rules.json');
  await writeFile(
    rulesFile,
    JSON.stringify([
      {
        name: 'tables',
        prefixPatterns: [{ name: 'Tab.', language: 'la', pattern: '(?<!\\p{L})(?:tabb?)(?!\\p{L})' }],
      },
      { name: 'maps', typeNames: ['Map'] },
    ]),
  );
  harness = await startHarness('rules');
  source = await harness.exportIn('library', {
    'page.txt': pageFile(all),
    'item.txt': itemFile([...items, { itemId: 50 }]),
  });
});
afterAll(async () => {
  await harness.close();
  await rm(folder, { recursive: true, force: true });
});

const rulesOf = async () =>
  Object.fromEntries((await harness.get('/v1/pages/rules')).body.rules.map((rule: Json) => [rule.name, rule]));

describe('a rule by configuration', () => {
  let configured: Harness;
  it('is judged on the pages that are kept, without another import', async () => {
    const first = await harness.start({ role: 'worker' });
    expect((await harness.importFrom(source)).candidateCounts).not.toHaveProperty('tables');
    await first.stop();
    expect(Object.keys(await rulesOf())).toEqual(['illustrated', 'reference']);

    const candidateRules = parseCandidateRules(readFileSync(rulesFile, 'utf8'), rulesFile);
    const { httpPort } = await harness.start({ role: 'all', candidateRules });
    configured = { ...harness, base: `http://127.0.0.1:${httpPort}` };
    const { body } = await askConfigured('/v1/pages?rule=tables&limit=1000');
    expect(new Set(body.pages.map(({ pageId }: Json) => pageId))).toEqual(tables);
    const why = await askConfigured(`/v1/pages/${[...tables][0]}/why?rule=tables`);
    expect(why.body).toMatchObject({ selected: true, decidingRows: [{ prefixPattern: { name: 'Tab.' } }] });
  });

  it('says that it needs a new import where it selects by rows that were not kept', async () => {
    const { status, body } = await askConfigured('/v1/pages?rule=maps');
    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: 'failed_precondition',
      detail: 'rule maps version 1 needs a new import: it selects by rows that the last one did not keep (type Map)',
    });
    const why = await askConfigured('/v1/pages/91/why?rule=maps');
    // Page 91 may stand in the reservoir, which keeps pages with all their rows.
    expect(['needs_import', 'selected']).toContain(why.body.reason);
    const elsewhere = await askConfigured('/v1/pages/999999/why?rule=maps');
    expect(elsewhere.body).toMatchObject({ selected: false, reason: 'needs_import' });
    const { rules } = (await askConfigured('/v1/pages/rules')).body;
    expect(rules.find(({ name }: Json) => name === 'maps')).toMatchObject({
      candidateCount: 0,
      missingRows: ['type Map'],
    });
  });

  it('selects once its rows are kept', async () => {
    expect((await harness.importFrom(source)).candidateCounts).toMatchObject({ maps: 1, tables: tables.size });
    expect((await askConfigured('/v1/pages?rule=maps')).body.pages).toMatchObject([{ pageId: 91 }]);
    expect((await askConfigured('/v1/pages/999999/why?rule=maps')).body).toMatchObject({ reason: 'not_kept' });
  });

  it('is refused at the start when it changed without a new version', async () => {
    const rules = parseCandidateRules(readFileSync(rulesFile, 'utf8'), rulesFile);
    const candidateRules = rules.map((rule) => (rule.name === 'maps' ? { ...rule, typeNames: ['Text'] } : rule));
    for (const role of ['api', 'all'] as const) {
      await expect(harness.start({ role, candidateRules })).rejects.toMatchObject({
        message: 'rule maps changed without a new version: 1 was recorded otherwise',
      });
    }
  });

  it('is judged anew after an import that did not know it, and has no candidates before', async () => {
    const [page] = [...tables];
    const without = await harness.exportIn('without', {
      'page.txt': pageFile(all.filter(({ pageId }) => pageId !== page)),
      'item.txt': itemFile([...items, { itemId: 50 }]),
    });
    const other = await startHarness('forgotten', { IMPORT_ROOTS: harness.root });
    try {
      const candidateRules = parseCandidateRules(readFileSync(rulesFile, 'utf8'), rulesFile);
      const knowing = await other.start({ role: 'worker', candidateRules });
      expect((await other.importFrom(source)).candidateCounts).toMatchObject({ tables: tables.size, maps: 1 });
      await knowing.stop();
      const unknowing = await other.start({ role: 'worker' });
      await other.importFrom(without);
      await unknowing.stop();
      const { httpPort } = await other.start({ role: 'api', candidateRules });
      const ask = async (path: string) => {
        const headers = { authorization: 'Bearer v' };
        return (await (await fetch(`http://127.0.0.1:${httpPort}${path}`, { headers })).json()) as Json;
      };
      expect(await ask('/v1/pages?rule=tables')).toMatchObject({ code: 'failed_precondition' });
      expect(await ask(`/v1/pages/${page}/why?rule=tables`)).toMatchObject({ reason: 'no_longer_in_the_export' });
      const again = await other.start({ role: 'worker', candidateRules });
      const ids = (await ask('/v1/pages?rule=tables&limit=1000')).pages.map(({ pageId }: Json) => pageId);
      expect(new Set(ids)).toEqual(new Set([...tables].filter((id) => id !== page)));
      // Its row was not kept by that import, so it waits for another.
      expect(await ask('/v1/pages?rule=maps')).toMatchObject({ detail: expect.stringContaining('needs a new import') });
      await again.stop();
    } finally {
      await other.close();
    }
  });

  async function askConfigured(path: string): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${configured.base}${path}`, { headers: { authorization: 'Bearer v' } });
    return { status: response.status, body: await response.json() };
  }
});

describe('two rules', () => {
  it('are compared by counts, language, prefix, type and decade', async () => {
    await until(async () => (await harness.get('/v1/pages/rules/compare')).status === 200);
    const { body } = await harness.get('/v1/pages/rules/compare?one=illustrated&other=reference');
    const found = await rulesOf();
    expect(body.onlyOther).toBe(0);
    expect(body.both).toBe(found.reference.candidateCount);
    expect(body.both + body.onlyOne).toBe(found.illustrated.candidateCount);
    // A plate stands on its own; a page with a second row without a prefix is none of the reference rule's.
    expect(body.byPrefix).toEqual({
      Plate: { both: body.both, onlyOne: 0, onlyOther: 0 },
      'Tab.': { both: 0, onlyOne: tables.size, onlyOther: 0 },
      'Taf.': { both: 0, onlyOne: 1, onlyOther: 0 },
      none: { both: 0, onlyOne: body.onlyOne - tables.size - 1, onlyOther: 0 },
    });
    expect(body.byLanguage.la).toEqual(body.byPrefix['Tab.']);
    expect(body.byType.Illustration.both).toBe(body.both);
    expect(body.byDecade).toMatchObject({ '1830s': { both: body.both }, '1900s': { both: 0, onlyOne: 1 } });
    const turned = (await harness.get('/v1/pages/rules/compare?one=reference&other=illustrated')).body;
    expect(turned).toMatchObject({ both: body.both, onlyOne: 0, onlyOther: body.onlyOne });
    expect((await harness.get('/v1/pages/rules/compare?one=none')).status).toBe(404);
  });
});

it('compares rules by reading each candidate once', async () => {
  const large = await startHarness('large');
  const count = 60_000;
  try {
    const worker = await large.start({ role: 'worker' });
    await large.importFrom(
      await large.exportIn('library', { 'page.txt': pageFile(rows), 'item.txt': itemFile(items) }),
    );
    await worker.stop();
    await large.db.pool.query(
      `insert into page (page_id, year, volume, issue, rows, neighbour_ids, neighbour_sequences, kept_as)
       select 1000000 + n, '', '', '', '[["Plate", "1", "Illustration"]]', '{}', '{}', 'rule' from generate_series(1, $1) n`,
      [count],
    );
    await large.db.pool.query(
      'insert into candidate select id, 1000000 + n from candidate_rule, generate_series(1, $1) n where n % 3 <> id % 3',
      [count],
    );
    await large.db.pool.query('vacuum analyze candidate');
    const rowsRead = async () => {
      // A session tells what it has read when it ends, else some seconds later.
      const { rows: ending } = await large.db.pool.query(
        `select pid, pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      );
      const pids = ending.map(({ pid }) => pid);
      const left = async () =>
        await large.db.pool.query('select from pg_stat_activity where pid = any($1::integer[])', [pids]);
      await until(async () => (await left()).rowCount === 0);
      const { rows: read } = await large.db.pool.query(
        `select ((select seq_tup_read from pg_stat_user_tables where relname = 'candidate')
          + (select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'candidate'))::int as count`,
      );
      return read[0].count as number;
    };
    const before = await rowsRead();
    const { body } = await large.get('/v1/pages/rules/compare?one=illustrated&other=reference');
    const read = (await rowsRead()) - before;
    const { rows: known } = await large.db.pool.query('select rule_id, page_id from candidate');
    const pages = new Set(known.map(({ page_id }) => page_id));
    expect(body.both + body.onlyOne + body.onlyOther).toBe(pages.size);
    expect(body.both).toBe(known.length - pages.size);
    // Twice, where a batch of one rule ends before that of the other.
    expect(read).toBeLessThan(2 * known.length);
    expect(read).toBeGreaterThan(known.length / 2);
  } finally {
    await large.close();
  }
}, 60_000);

describe('a stratified page set', () => {
  const draw = (body: object) => harness.post('/v1/page-sets', { seed: 3, countMax: 40, ...body });

  it('draws as many from each book as its pages allow', async () => {
    const { body } = await draw({ name: 'by-book', stratifyBy: 'item' });
    expect(body).toMatchObject({ pageCount: 40, itemCount: 11, stratifyBy: 'item', allocation: 'equal' });
    const { rows: counts } = await harness.db.pool.query(
      'select item_id, count(*)::int as count from page_set_page join page using (page_id) where page_set_id = $1 group by 1',
      [body.id],
    );
    // Item 50 has one page; the other ten share the 39 that are left.
    expect(counts.map(({ count }) => count).sort()).toEqual([1, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
  });

  it('draws from each decade and page type, and is the same when asked again', async () => {
    const { body: byDecade } = await draw({ name: 'by-decade', stratifyBy: 'decade', countMax: 10 });
    const { body: pages } = await harness.get(`/v1/page-sets/${byDecade.id}/pages`);
    expect(pages.pageIds).toContain(92);
    expect((await draw({ name: 'by-decade', stratifyBy: 'decade', countMax: 10 })).status).toBe(200);
    expect((await draw({ name: 'by-decade', stratifyBy: 'item', countMax: 10 })).status).toBe(409);
    const { body: byType } = await draw({ name: 'by-type', stratifyBy: 'page_type', allocation: 'proportional' });
    expect(byType).toMatchObject({ pageCount: 40, allocation: 'proportional' });
    expect((await draw({ name: 'odd', stratifyBy: 'item', wholeItems: true })).body).toMatchObject({
      field: 'stratifyBy',
    });
    expect((await draw({ name: 'odd', stratifyBy: 'colour' })).status).toBe(400);
  });
});
