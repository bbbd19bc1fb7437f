// The web UI where people correct themselves, answers are late or absent, and neighbours tell of work that came to nothing.
import { prepareChromium } from '@florilegium/stack';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startTestService, type TestService, until } from './service.ts';
import { openVisitor, picture, saved, shownPage } from './visitor.ts';

let browser: Browser;
let service: TestService;
let context: BrowserContext;
let page: Page;
const faults: string[] = [];

beforeAll(async () => {
  const executablePath = await prepareChromium((line) => console.error(line));
  // As root Chromium has no sandbox; it opens nothing but this machine's own pages.
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
  const servers = { databaseUrl: inject('databaseUrl'), natsUrl: inject('natsUrl') };
  service = await startTestService({ ...servers, name: 'web-ui', authRequired: false });
}, 300_000);
beforeEach(async () => {
  ({ context, page } = await openVisitor({ browser, url: service.url, faults }));
});
afterEach(async () => {
  await context.close();
  expect(faults.splice(0)).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

const eventsOf = async (pageId: number): Promise<string[]> =>
  (await service.get(`/v1/labels/${pageId}/events`)).body.events.map(
    ({ kind, label }: { kind: string; label?: string }) => label ?? kind,
  );
const waiting = async (): Promise<number[]> =>
  (await service.get('/v1/review-queues/initial?limit=100')).body.pages.map(({ pageId }: { pageId: number }) => pageId);
const tile = (pageId: number) => page.locator(`.tile[data-page="${pageId}"]`);
const labelOnTile = (pageId: number) => tile(pageId).getAttribute('data-label');
/** All pictures of the sheet but some are on the screen. */
const painted = (but = 0) =>
  until(
    'painted',
    () =>
      page.evaluate(
        `[...document.querySelectorAll('.tile img')].filter((one) => one.complete && one.naturalWidth > 0).length`,
      ),
    (count) => Number(count) >= 20 - but,
  );
async function openGrid(): Promise<void> {
  await page.goto('/label?queue=initial&mode=grid');
  await page.selectOption('#grid-size', '20');
  await until(
    'sheet',
    () => page.locator('.tile').count(),
    (count) => count >= 20,
  );
}
/** A canvas takes no picture in SVG. */
const onePixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
const answer = (path: string | RegExp, json: unknown) => page.route(path, (route) => route.fulfill({ json }));

describe('the grid', () => {
  it('shows the label before a correction that is taken back, and leaves it when the rest are labelled', async () => {
    const [pageId] = await waiting();
    await page.addInitScript(`localStorage.setItem('florilegium.grid-size', '20')`);
    await openGrid();
    await painted();
    await page.keyboard.press('1');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('2');
    expect(await labelOnTile(pageId!)).toBe('LQ');
    await page.keyboard.press('Control+z');
    await until(
      'label before',
      () => labelOnTile(pageId!),
      (label) => label === 'HQ',
    );
    await page.keyboard.press('r');
    await saved(page);
    expect(await eventsOf(pageId!)).toEqual(['HQ', 'LQ', 'undo']);
  });

  it('labels no page whose picture is not on the screen', async () => {
    const [gone, late, seen] = await waiting();
    await page.route(new RegExp(`/v1/images/${gone}\\b`), (route) =>
      route.fulfill({ status: 404, json: { detail: 'it is gone' } }),
    );
    await page.route(new RegExp(`/v1/images/${late}\\b`), () => {});
    await page.addInitScript(`localStorage.setItem('florilegium.grid-size', '20')`);
    await openGrid();
    await painted(2);
    await page.keyboard.press('1');
    await page.keyboard.press('r');
    await saved(page);
    expect(await labelOnTile(seen!)).toBe('LQ');
    expect([await labelOnTile(gone!), await labelOnTile(late!)]).toEqual([null, null]);
    expect([await eventsOf(gone!), await eventsOf(late!)]).toEqual([[], []]);
  });

  it('takes keys right after the sheet, the size or the queue was chosen', async () => {
    await page.addInitScript(`localStorage.setItem('florilegium.grid-size', '20')`);
    await openGrid();
    await painted();
    const [first, second, third] = await page
      .locator('.tile')
      .evaluateAll((tiles) =>
        tiles.slice(0, 3).map((one) => Number((one as unknown as { dataset: { page: string } }).dataset.page)),
      );
    await page.locator('#grid-size').focus();
    await page.selectOption('#grid-size', '40');
    await page.keyboard.press('1');
    expect(await labelOnTile(first!)).toBe('HQ');
    await page.locator('#grid-tile').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('3');
    expect(await labelOnTile(second!)).toBe('NOT_SURE');
    await page.goto('/label?queue=review');
    await page.locator('#queue').focus();
    await page.selectOption('#queue', 'initial');
    const shown = await shownPage(page);
    expect([first, second, third].includes(shown)).toBe(shown === third);
    await page.keyboard.press('2');
    await saved(page);
    expect(await eventsOf(shown)).toEqual(['LQ']);
  });
});

it('keeps the buttons of labelling in the window while the network is away', async () => {
  await page.setViewportSize({ width: 1000, height: 620 });
  await page.goto('/label?queue=initial');
  await shownPage(page);
  await until(
    'ahead',
    () => page.getAttribute('.label-sheet', 'data-ahead'),
    (count) => Number(count) >= 6,
  );
  await context.setOffline(true);
  await page.keyboard.press('1');
  await page.getByRole('button', { name: 'Try now' }).waitFor();
  const box = await page.getByRole('button', { name: 'Not sure' }).boundingBox();
  expect(box!.y + box!.height).toBeLessThanOrEqual(620);
  expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThanOrEqual(620);
  await context.setOffline(false);
  await saved(page);
});

describe('review', () => {
  const prediction = {
    members: [0.9, 0.9, 0.9, 0.9, 0.2],
    mean: 0.8,
    entropy: 0.5,
    disagreement: 0.2,
    mutualInformation: 0,
  };
  const queueOf = (pageIds: number[]) => ({
    queue: 'misprediction',
    iteration: 1,
    pages: pageIds.map((pageId) => ({
      pageId,
      itemId: 1,
      reason: 'labelled LQ, but 1 of 5 members says otherwise',
      worth: 1,
      triageClass: 'MISPREDICTION',
      currentLabel: 'LQ',
      prediction,
    })),
  });
  /** A queue that is longer than one request may label. */
  async function openLongQueue(): Promise<void> {
    await page.route(/\/v1\/review-queues\/misprediction/, (route) => {
      const limit = Number(/limit=(\d+)/.exec(route.request().url())![1]);
      return route.fulfill({ json: queueOf(Array.from({ length: limit }, (_, at) => 1000 + at)) });
    });
    await answer(/\/v1\/similar/, { pages: [] });
    await page.goto('/review?queue=misprediction');
    await page.locator('.review-card').first().waitFor();
  }

  it('keeps what is shown, and the focus in it, when more pages come', async () => {
    await openLongQueue();
    await page.locator('.review-card').nth(3).getByRole('checkbox').check();
    await page.evaluate(`document.querySelector('.review-card').dataset.same = 'yes'`);
    const more = page.getByRole('button', { name: 'More pages' });
    await more.click();
    await until(
      'more',
      () => page.locator('.review-card').count(),
      (count) => count === 48,
    );
    expect(await page.getAttribute('.review-card', 'data-same')).toBe('yes');
    expect(await page.locator('.review-card').nth(3).getByRole('checkbox').isChecked()).toBe(true);
    expect(await more.evaluate((one) => one.matches(':focus'))).toBe(true);
  });

  it('labels more pages at once than one request takes, and takes all back in one step', async () => {
    await openLongQueue();
    for (const count of [48, 96, 192, 384, 768]) {
      await page.getByRole('button', { name: 'More pages' }).click();
      await until(
        'more',
        () => page.locator('.review-card').count(),
        (shown) => shown === count,
      );
    }
    const sent: { key: string | undefined; count: number }[] = [];
    const undone: string[] = [];
    await page.route(/\/v1\/labels$/, (route) => {
      sent.push({
        key: route.request().headers()['idempotency-key'],
        count: (route.request().postDataJSON() as { labels: unknown[] }).labels.length,
      });
      return route.fulfill({ json: { recordedCount: 1, refused: [] } });
    });
    await page.route(/\/v1\/labels\/\d+\/undo/, (route) => {
      undone.push(/(\d+)\/undo\?ofRequest=(.*)$/.exec(route.request().url())!.slice(1).join(' '));
      return route.fulfill({ json: {} });
    });
    await page.getByLabel('All 768').check();
    await page.getByRole('button', { name: "Accept the ensemble's for 768" }).click();
    await saved(page);
    expect(sent.map(({ count }) => count)).toEqual([500, 268]);
    await page.keyboard.press('Control+z');
    await until(
      'undone',
      () => undone.length,
      (count) => count === 768,
    );
    await saved(page);
    // Each names the request that gave it.
    expect(undone[0]).toBe(`1000 ${sent[0]!.key}`);
    expect(undone[767]).toBe(`1767 ${sent[1]!.key}`);
    expect(sent[0]!.key).not.toBe(sent[1]!.key);
  }, 60_000);

  it('takes back by Ctrl-Z after the page was opened anew, and says when the browser has no room', async () => {
    await openLongQueue();
    await page.route(/\/v1\/labels(\/\d+\/undo.*)?$/, (route) =>
      route.fulfill({ json: { recordedCount: 1, refused: [] } }),
    );
    await page.locator('.review-card').first().getByRole('button', { name: 'Keep LQ' }).click();
    await saved(page);
    await page.reload();
    await page.locator('.review-card').first().waitFor();
    const asked = page.waitForRequest(/\/v1\/labels\/1000\/undo/);
    await page.keyboard.press('Control+z');
    await asked;
    await page.evaluate(`Storage.prototype.setItem = () => { throw new Error('full') }`);
    await page.locator('.review-card').first().getByRole('button', { name: 'Keep LQ' }).click();
    await page.getByRole('alert').getByText('This browser has no room left').waitFor();
  });

  it('looks for the nearest among the labelled pages alone', async () => {
    const pageIds = (await waiting()).slice(0, 3);
    await service.post('/v1/labels', { labels: pageIds.map((pageId) => ({ pageId, label: 'HQ' })) });
    const bodies: { pageId: number; withinPageIds: number[]; countMax: number }[] = [];
    await page.route(/\/v1\/review-queues\/misprediction/, (route) => route.fulfill({ json: queueOf([1000]) }));
    await page.route(/\/v1\/similar/, (route) => {
      bodies.push(route.request().postDataJSON());
      return route.fulfill({ json: { pages: [{ pageId: pageIds[1], similarity: 0.91 }] } });
    });
    await page.goto('/review?queue=misprediction');
    await page.getByRole('link', { name: `Page ${pageIds[1]}` }).waitFor();
    await page.getByText('0.91').waitFor();
    expect(bodies[0]).toMatchObject({ pageId: 1000, countMax: 5 });
    expect(bodies[0]!.withinPageIds).toEqual(expect.arrayContaining(pageIds));
  });

  it('waits for a picture that is still being fetched', async () => {
    let asked = 0;
    await page.route(/\/v1\/images\/1000/, (route) =>
      ++asked <= 2
        ? route.fulfill({ status: 202, headers: { 'retry-after': '1' }, json: { detail: 'it is being fetched' } })
        : route.fulfill({ contentType: 'image/svg+xml', body: picture('1000') }),
    );
    await answer(/\/v1\/review-queues\/misprediction/, queueOf([1000]));
    await answer(/\/v1\/similar/, { pages: [] });
    await page.goto('/review?queue=misprediction');
    await page.getByText('Fetching the image').waitFor();
    await page.getByAltText('Scanned page 1000').waitFor();
  });
});

describe('a run that is followed', () => {
  const run = (doneCount: number, state = 'running') => ({
    id: 'f1',
    state,
    doneCount,
    totalCount: 100,
    reason: null,
    size: 'medium',
    pageSetId: null,
    rule: 'illustrated',
    storedCount: doneCount,
    failedCount: 0,
    bytes: 0,
    imagesPerSecond: 0,
    bytesPerSecond: 0,
    secondsLeft: null,
    createdAt: '2026-11-01T00:00:00Z',
    startedAt: null,
    endedAt: null,
  });
  const told = (doneCount: number) => page.getByText(`${doneCount} of 100 images`).waitFor();

  it('is read anew when its stream ends or breaks, by what is newest, and not while nobody looks', async () => {
    let polled = 5;
    let streamed: string | undefined = `event: progress\ndata: ${JSON.stringify(run(10))}\n\n`;
    let streams = 0;
    await answer('**/v1/page-sets', { pageSets: [] });
    await page.route('**/v1/fetch-runs?limit=50', (route) => route.fulfill({ json: { fetchRuns: [run(polled)] } }));
    await page.route('**/v1/fetch-runs/f1/events', (route) => {
      streams++;
      return streamed === undefined
        ? route.abort('connectionreset')
        : route.fulfill({ contentType: 'text/event-stream', body: streamed });
    });
    await page.goto('/runs?kind=fetch-runs');
    await told(10);
    // The stream has ended: what is polled from now on is newer than what it said.
    streamed = undefined;
    polled = 20;
    await told(20);
    streamed = `event: progress\ndata: ${JSON.stringify(run(60))}\n\nevent: error\ndata: {"detail":"the stream ended early"}\n\n`;
    await told(60);
    await page.evaluate(`Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`);
    const before = streams;
    await page.waitForTimeout(3_000);
    expect(streams).toBe(before);
    streamed = `event: progress\ndata: ${JSON.stringify(run(70))}\n\n`;
    await page.evaluate(`delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))`);
    await told(70);
  }, 40_000);
});

it('tells which pages of a fetch run failed and why, and retries them', async () => {
  const run = (state: string) => ({
    id: 'f1',
    state,
    doneCount: 40,
    totalCount: 40,
    reason: null,
    size: 'medium',
    pageSetId: null,
    rule: 'illustrated',
    storedCount: 37,
    failedCount: state === 'done' ? 3 : 0,
    bytes: 0,
    imagesPerSecond: 0,
    bytesPerSecond: 0,
    secondsLeft: null,
    createdAt: '2026-11-01T00:00:00Z',
    startedAt: null,
    endedAt: null,
  });
  let state = 'done';
  await answer('**/v1/page-sets', { pageSets: [] });
  await page.route('**/v1/fetch-runs?limit=50', (route) => route.fulfill({ json: { fetchRuns: [run(state)] } }));
  await page.route('**/v1/fetch-runs/f1/events', (route) => route.abort('connectionreset'));
  await page.route('**/v1/fetch-runs/f1/pages?*', (route) =>
    route.fulfill({
      json: {
        pages: /state=corrupt/.test(route.request().url()) ? [{ pageId: 77, detail: 'the file ends early' }] : [],
        next: null,
      },
    }),
  );
  await page.route('**/v1/fetch-runs/f1/retry', (route) => {
    state = 'running';
    return route.fulfill({ json: run(state) });
  });
  await page.goto('/runs?kind=fetch-runs');
  await page.getByText('Which failed, and why').click();
  await page.getByRole('link', { name: '77' }).waitFor();
  await page.getByText('the file ends early').waitFor();
  await page.getByRole('button', { name: 'Retry the 3 failed' }).click();
  await page.getByText('running', { exact: true }).waitFor();
  expect(await page.getByText('None of them can be tried again').count()).toBe(0);
});

describe('setting up', () => {
  const imported = (over: object) => ({
    id: 'i1',
    state: 'done',
    source: 'https://bhl.example',
    phase: '',
    doneCount: 1,
    totalCount: 1,
    rowCount: 800,
    pageCount: 700,
    keptPageCount: 400,
    candidateCounts: { illustrated: 400 },
    rowsPerSecond: 0,
    reason: null,
    startedAt: null,
    ...over,
  });
  const fetched = (over: object) => ({
    id: 'f1',
    state: 'done',
    rule: 'illustrated',
    pageSetId: null,
    size: 'medium',
    doneCount: 1,
    totalCount: 1,
    storedCount: 400,
    failedCount: 0,
    imagesPerSecond: 0,
    secondsLeft: null,
    reason: null,
    startedAt: null,
    ...over,
  });
  const stands = async ({ imports, runs, sets = [] }: { imports: object[]; runs: object[]; sets?: object[] }) => {
    await answer(/\/v1\/imports\?/, { imports });
    await answer(/\/v1\/fetch-runs\?/, { fetchRuns: runs });
    await answer(/\/v1\/page-sets$/, { pageSets: sets });
    await answer('**/v1/pages/rules', {
      rules: ['illustrated', 'reference'].map((name) => ({
        name,
        version: 1,
        description: '',
        candidateCount: 400,
        missingRows: [],
      })),
    });
    await answer(/\/v1\/pages\/rules\/compare/, { both: 1, onlyOne: 0, onlyOther: 0, byType: {} });
    await answer('**/v1/predictions/embeddings', { embedded: 0, pending: 0, failed: 0 });
  };
  const step = (title: string) => page.locator('.step', { has: page.getByRole('heading', { name: title }) });

  it('does not take a fetch that came to nothing for done, and starts another one', async () => {
    await stands({ imports: [imported({})], runs: [fetched({ state: 'failed', reason: 'the disk is full' })] });
    await page.goto('/begin');
    await step('Fetch the images').getByText('The disk is full.').waitFor();
    expect(await step('Fetch the images').getAttribute('data-state')).toBe('now');
    const keys: (string | undefined)[] = [];
    await page.route(/\/v1\/fetch-runs$/, (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      return route.fulfill({ status: 201, json: fetched({ id: 'f2', state: 'running' }) });
    });
    await page.getByRole('button', { name: 'Fetch them again' }).click();
    await until(
      'asked',
      () => keys.length,
      (count) => count === 1,
    );
  });

  it('lets the limit be changed after a fetch that was cancelled, by a set and a run of their own', async () => {
    const sets = [{ id: 's1', name: 'candidates-illustrated-50', rule: 'illustrated', pageCount: 48 }];
    await stands({
      imports: [imported({})],
      runs: [fetched({ state: 'cancelled', rule: null, pageSetId: 's1' })],
      sets,
    });
    const asked: { path: string; name?: string; key: string | undefined }[] = [];
    await page.route(/\/v1\/(page-sets|fetch-runs)$/, (route) => {
      const request = route.request();
      if (request.method() === 'GET') return route.fallback();
      const { name } = request.postDataJSON() as { name?: string };
      asked.push({
        path: new URL(request.url()).pathname,
        key: request.headers()['idempotency-key'],
        ...(name ? { name } : {}),
      });
      return route.fulfill({ status: 201, json: { id: 's2', name } });
    });
    await page.goto('/begin?limit=80');
    await step('Choose the candidate rule').getByText('Look at it again').click();
    await page.getByRole('button', { name: 'Fetch the images of 80 candidates' }).click();
    await until(
      'asked',
      () => asked.length,
      (count) => count === 2,
    );
    expect(asked[0]!.name).toBe('candidates-illustrated-80');
    expect(asked[1]!.key).toContain('f1');
  });

  it('shows a newer import and its failure while an older one is done', async () => {
    const failed = imported({ id: 'i2', state: 'failed', reason: 'the bucket is away' });
    await stands({ imports: [failed, imported({})], runs: [] });
    await page.goto('/begin');
    await step('Import the export').getByText('The bucket is away.').waitFor();
    expect(await step('Choose the candidate rule').getAttribute('data-state')).toBe('now');
  });

  const drawn = ['heldout', 'stop', 'train', 'unlabelled'].map((name) => ({
    id: name,
    name,
    rule: 'reference',
    pageCount: 100,
  }));

  it('is where the overview leads until the sets are drawn', async () => {
    await stands({ imports: [imported({})], runs: [fetched({})] });
    await page.goto('/');
    await page.getByRole('link', { name: 'Go on' }).click();
    await page.getByRole('heading', { name: 'From nothing to the first iteration' }).waitFor();
  });

  it('leads on from a cancelled iteration by the verdict before it, and publishes by the rule of the sets', async () => {
    const iteration = (over: object) => ({
      id: 'x',
      number: 1,
      state: 'closed',
      reason: null,
      labelCount: 10,
      counts: { HQ: 5, LQ: 5, NOT_SURE: 0 },
      method: 'probe',
      triage: null,
      curves: null,
      outOfFold: null,
      predictionRuns: {},
      verdict: { decision: 'continue', reason: 'more is learnt' },
      createdAt: '2026-11-01T00:00:00Z',
      ...over,
    });
    await stands({ imports: [imported({})], runs: [fetched({})], sets: drawn });
    await answer('**/v1/iterations', {
      iterations: [iteration({}), iteration({ number: 2, state: 'cancelled', verdict: null })],
    });
    await page.goto('/');
    await page.getByRole('heading', { name: 'Review iteration 1' }).waitFor();
    await page.getByRole('link', { name: 'Start iteration 3' }).waitFor();
    const bodies: { rule: string }[] = [];
    await page.route(/\/v1\/hq-lists$/, (route) => {
      if (route.request().method() === 'GET') return route.continue();
      bodies.push(route.request().postDataJSON());
      return route.fulfill({ status: 400, json: { detail: 'not in a test' } });
    });
    await page.goto('/lists');
    await page.getByRole('button', { name: 'Publish list 1' }).click();
    await page.getByRole('alert').getByText('Not in a test.').waitFor();
    await page.getByLabel('Candidate rule').selectOption('illustrated');
    await page.getByRole('button', { name: 'Publish list 1' }).click();
    await until(
      'asked',
      () => bodies.length,
      (count) => count === 2,
    );
    expect(bodies.map(({ rule }) => rule)).toEqual(['reference', 'illustrated']);
  });
});

describe('plates', () => {
  const plate = (position: number) => ({
    position,
    pageId: 1000 + position,
    title: 'Flora of a test',
    citation: `Flora of a test, plate ${position}`,
    place: `Plate ${position}`,
    year: '1799',
    rights: '',
    license: 'CC BY 4.0',
    reuse: 'attribution',
    width: 465,
    height: 700,
    bhlAddress: `https://www.biodiversitylibrary.org/page/${1000 + position}`,
  });
  const galleryOf = (total: number) => ({
    version: 7,
    total,
    next: null,
    pages: Array.from({ length: total }, (_, position) => plate(position)),
  });

  it('are laid on a collage as they were filtered, in large images where they are laid wide, and named', async () => {
    const lists = [{ version: 7, pageCount: 40 }];
    await answer(/\/v1\/hq-lists$/, { hqLists: lists });
    await answer(/\/v1\/hq-lists\/7\/gallery\/facets/, {
      total: 6,
      unknownYearCount: 0,
      reuse: { attribution: 6, public_domain: 34 },
      decades: [],
      titles: [
        { titleId: 1, title: 'Flora of a test', count: 4 },
        { titleId: 2, title: 'Fauna of a test', count: 2 },
      ],
    });
    const asked: string[] = [];
    await page.route(/\/v1\/hq-lists\/7\/gallery\?/, (route) => {
      asked.push(new URL(route.request().url()).search);
      return route.fulfill({ json: galleryOf(6) });
    });
    await page.goto('/gallery/7?reuse=attribution&yearMax=1800');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('(34)').waitFor();
    await page.getByRole('button', { name: 'Fauna of a test' }).click();
    await page.waitForURL(/title=Fauna/);
    await page.getByRole('link', { name: 'Make a collage' }).click();
    const sizes = new Set<string>();
    await page.route(/\/v1\/images\/\d+/, (route) => {
      sizes.add(new URL(route.request().url()).searchParams.get('size')!);
      return route.fulfill({ contentType: 'image/png', body: onePixel });
    });
    await page.getByRole('spinbutton', { name: 'Plates' }).fill('6');
    await page.getByLabel('Format').selectOption('A3');
    await page.getByRole('img', { name: 'A collage of 6 plates of list 7' }).waitFor();
    const search = new URLSearchParams(asked.at(-1));
    expect([search.get('title'), search.get('yearMax'), search.get('reuse')]).toEqual([
      'Fauna of a test',
      '1800',
      'attribution',
    ]);
    await page.getByText('some are free with the maker named').click();
    await page.getByText('Flora of a test, plate 5').waitFor();
    expect([...sizes]).toContain('large');
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save the credits' }).click();
    expect((await download).suggestedFilename()).toBe('florilegium-v7-1-credits.txt');
  }, 40_000);

  it('are downloaded in full once they have come from their source', async () => {
    await page.route(/\/v1\/pages\/1000$/, (route) =>
      route.fulfill({
        json: {
          ...plate(0),
          names: [],
          parts: [],
          neighbours: [],
          publicationDetails: '',
          volume: '',
          authors: '',
          institution: '',
        },
      }),
    );
    await answer(/\/v1\/similar/, { pages: [] });
    await page.route(/\/iiif\/3\/1000\/info.json/, (route) => route.fulfill({ status: 404, json: { detail: 'none' } }));
    let asked = 0;
    await page.route(/\/v1\/images\/1000\?size=full/, (route) =>
      ++asked === 1
        ? route.fulfill({ status: 202, headers: { 'retry-after': '1' }, json: { detail: 'it is being fetched' } })
        : route.fulfill({ contentType: 'image/png', body: 'png' }),
    );
    await page.goto('/pages/1000');
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    await page.getByRole('button', { name: 'Fetching it' }).waitFor();
    expect((await download).suggestedFilename()).toBe('1000.png');
    expect(await page.getByRole('alert').count()).toBe(0);
  });
});

it('shows the gallery once it can be read, though the first answer failed', async () => {
  let asked = 0;
  await page.route(/\/v1\/hq-lists\/7\/gallery\?/, (route) =>
    ++asked === 1
      ? route.fulfill({ status: 503, json: { detail: 'the database is away' } })
      : route.fulfill({
          json: {
            version: 7,
            total: 40,
            next: null,
            pages: Array.from({ length: 40 }, (_, position) => ({
              position,
              pageId: 1000 + position,
              title: 'Flora of a test',
              place: `Plate ${position}`,
              year: '1799',
            })),
          },
        }),
  );
  await page.goto('/gallery/7');
  await page.getByRole('alert').getByText('The database is away.').waitFor();
  await page.locator('.plate').first().waitFor();
  expect((await page.locator('.plate').first().boundingBox())!.width).toBeGreaterThan(100);
  await page.locator('.plate img').first().waitFor();
  await page.getByText(/^1–\d+ of 40 plates$/).waitFor();
  await page.locator('.plates').evaluate((box) => box.scrollTo(0, 1e6));
  await page.getByText(/–40 of 40 plates$/).waitFor();
});
