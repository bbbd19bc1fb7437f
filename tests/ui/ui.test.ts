// The web UI as a person uses it, in a real Chromium on real services: from an empty installation to a published list and
// its gallery. The tests go on from each other, in their order.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startUiStack, type UiStack } from './ui-stack.ts';

const seconds = 1_000;
const axePath = fileURLToPath(import.meta.resolve('axe-core/axe.min.js'));

let stack: UiStack;
let context: BrowserContext;
let page: Page;
const faults: string[] = [];

beforeAll(async () => {
  stack = await startUiStack();
  context = await stack.browser.newContext({ baseURL: stack.url, viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(20 * seconds);
  page = await newPage();
}, 300 * seconds);
afterEach(() => {
  expect(faults.splice(0)).toEqual([]);
});
afterAll(() => stack?.stop());

async function newPage(from: BrowserContext = context): Promise<Page> {
  const opened = await from.newPage();
  opened.on('pageerror', (error) => faults.push(error.message));
  opened.on('console', (message) => {
    // A request that fails is what some tests are about; a script or style that the policy stops is a fault.
    if (message.type() === 'error' && !/Failed to load resource|ERR_INTERNET/.test(message.text()))
      faults.push(message.text());
  });
  return opened;
}

interface LabelEvent {
  kind: string;
  label?: string;
  queue?: string;
}
const eventsOf = async (pageId: number) =>
  (await stack.get<{ events: LabelEvent[] }>(`/v1/labels/${pageId}/events`)).events.map(
    ({ kind, label }) => label ?? kind,
  );
const summary = () =>
  stack.get<{ askedCount: number; events: number; byQueue: Record<string, number> }>('/v1/labels/summary');
const keyOf = (pageId: number) => ({ HQ: '1', LQ: '2', NOT_SURE: '3' })[stack.truth.get(pageId)!];

async function until<Value>(
  what: string,
  read: () => Promise<Value> | Value,
  wanted: (value: Value) => boolean,
  timeoutMs = 30 * seconds,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(value)}`);
    await sleep(30);
  }
}

const shownPage = (before?: number) =>
  until(
    'page shown',
    async () => {
      const image = page.locator('#picture img');
      const alt =
        (await image.count()) > 0 ? await image.getAttribute('alt', { timeout: seconds }).catch(() => '') : '';
      return Number(/Scanned page (\d+)/.exec(alt ?? '')?.[1] ?? 0);
    },
    (pageId) => pageId !== 0 && pageId !== before,
  );

/** Labels what is shown, by the keys, as somebody who knows the truth. */
async function labelByKeys(count: number): Promise<number[]> {
  const pageIds: number[] = [];
  for (let done = 0; done < count; done++) {
    const pageId = await shownPage(pageIds.at(-1));
    pageIds.push(pageId);
    await page.keyboard.press(keyOf(pageId));
  }
  return pageIds;
}

const saved = () =>
  until(
    'all saved',
    () => page.textContent('#saving'),
    (text) => text === 'All saved',
  );

describe('the web UI', () => {
  it('leads from an empty installation to the sets: import, rules compared, images, sets', async () => {
    expect(await faultsOf(emptyScreens, { colorScheme: 'light', width: 360 })).toEqual([]);
    await page.goto('/');
    await page.getByRole('heading', { name: 'Nothing is here yet' }).waitFor();
    await page.getByRole('link', { name: 'Begin' }).click();
    await page.getByLabel('Source').fill('http://127.0.0.1:1/elsewhere');
    await page.getByRole('button', { name: 'Import' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Source').fill(stack.exportUrl);
    await page.getByRole('button', { name: 'Import' }).click();
    await page.getByText(/pages by both/).waitFor();
    expect(await page.locator('.rule').count()).toBeGreaterThanOrEqual(2);
    await page.getByRole('button', { name: 'Language' }).click();
    expect(await page.locator('.shares tbody tr').count()).toBeGreaterThan(3);
    await page.getByRole('button', { name: /Fetch the images of \d+ candidates/ }).click();
    await page.getByRole('button', { name: 'Draw the four sets' }).click({ timeout: 90 * seconds });
    await page.getByRole('link', { name: 'Label one by one' }).waitFor();
    const { pageSets } = await stack.get<{ pageSets: { name: string; pageCount: number }[] }>('/v1/page-sets');
    expect(pageSets.map(({ name }) => name)).toEqual(['heldout', 'stop', 'train', 'unlabelled']);
  }, 150_000);

  it('labels 60 pages by keys, over a refresh in the middle, and takes back without losing one', async () => {
    await page.getByRole('link', { name: 'Label one by one' }).click();
    const first = await labelByKeys(30);
    await page.reload();
    const rest = await labelByKeys(30);
    expect(new Set([...first, ...rest]).size).toBe(60);
    await shownPage(rest.at(-1));
    // Three steps back, over each of which the page comes again; then the same labels anew.
    for (const pageId of rest.slice(-3).toReversed()) {
      await page.keyboard.press('Control+z');
      await until(
        'back',
        () => shownPage(),
        (shown) => shown === pageId,
      );
    }
    expect(await labelByKeys(3)).toEqual(rest.slice(-3));
    await saved();
    expect(await summary()).toMatchObject({ askedCount: 60, events: 66, byQueue: { initial: 60 } });
    for (const pageId of rest.slice(-3)) {
      const label = stack.truth.get(pageId);
      expect(await eventsOf(pageId)).toEqual([label, 'undo', label]);
    }
  }, 60_000);

  it('keeps labels while the network is cut for ten seconds, and each arrives once', async () => {
    await until(
      'ahead',
      () => page.getAttribute('.label-sheet', 'data-ahead'),
      (ahead) => Number(ahead) >= 8,
    );
    const { events } = await summary();
    await context.setOffline(true);
    const pageIds = await labelByKeys(6);
    await until(
      'kept',
      () => page.textContent('#saving'),
      (text) => /^6 decisions kept here/.test(text ?? ''),
    );
    await sleep(10 * seconds);
    expect((await summary()).events).toBe(events);
    await context.setOffline(false);
    await saved();
    for (const pageId of pageIds) expect(await eventsOf(pageId)).toEqual([stack.truth.get(pageId)]);
    expect((await summary()).events).toBe(events + 6);
  }, 60_000);

  it('labels 60 pages in the grid: arrows, a range, the rest are LQ, undo of a whole step', async () => {
    await page.getByRole('button', { name: 'Grid' }).click();
    // As a person does, who clicks it: the focus is in the list of choices until one is made.
    await page.getByLabel('Pages', { exact: true }).focus();
    await page.getByLabel('Pages', { exact: true }).selectOption('60');
    await until(
      'sheet with its pictures',
      () =>
        page.evaluate(
          `[...document.querySelectorAll('.tile img')].filter((one) => one.complete && one.naturalWidth > 0).length`,
        ),
      (count) => count === 60,
    );
    const pageIds = await page
      .locator('.tile')
      .evaluateAll((tiles) =>
        tiles.map((tile) => Number((tile as unknown as { dataset: { page: string } }).dataset.page)),
      );
    const { events } = await summary();
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    expect(await page.locator('.tile[aria-selected=true]').count()).toBe(3);
    await page.keyboard.press('3');
    expect(await page.locator('.tile[data-label=NOT_SURE]').count()).toBe(3);
    await page.keyboard.press('Control+z');
    await until(
      'taken back',
      () => page.locator('.tile[data-label]').count(),
      (count) => count === 0,
    );
    await page.keyboard.press('Home');
    for (const [place, pageId] of pageIds.entries()) {
      if (place > 0) await page.keyboard.press('ArrowRight');
      if (stack.truth.get(pageId) === 'HQ') await page.keyboard.press('Space');
    }
    await page.keyboard.press('1');
    await page.keyboard.press('r');
    await saved();
    expect((await summary()).events).toBe(events + 60 + 6);
    const labels = await Promise.all(pageIds.map(async (pageId) => (await eventsOf(pageId)).at(-1)));
    expect(labels).toEqual(pageIds.map((pageId) => (stack.truth.get(pageId) === 'HQ' ? 'HQ' : 'LQ')));
    await page.getByRole('button', { name: 'Next sheet' }).click();
  }, 60_000);

  it('starts iteration 1, shows it run, and then the curves, the confusion and the verdict', async () => {
    await page.goto('/begin');
    await page.getByRole('button', { name: 'Start iteration 1' }).click();
    await page.getByRole('heading', { name: 'Iteration 2' }).waitFor({ timeout: 90 * seconds });
    await page.getByText(/verdict on iteration 1/).waitFor();
    await page.getByText(/of \d+ agree/).waitFor();
    expect(await page.locator('.chart-box canvas').count()).toBe(6);
    const { bins } = await stack.get<{ bins: { labelled: { HQ: number; LQ: number } }[] }>('/v1/iterations/1/judged');
    const judged = bins.reduce((sum, { labelled }) => sum + labelled.HQ + labelled.LQ, 0);
    expect(judged).toBeGreaterThan(100);
  }, 120_000);

  it('reviews: accepts by page and by selection, with votes and the nearest labelled pages', async () => {
    await page.goto('/review?queue=misprediction');
    await until(
      'queue',
      () => page.locator('.review-card, .empty').count(),
      (count) => count > 0,
    );
    if ((await page.locator('.review-card').count()) > 0) {
      await page.locator('.near-list li').first().waitFor();
      const card = page.locator('.review-card').first();
      const pageId = Number(await card.getAttribute('data-page'));
      const before = (await eventsOf(pageId)).length;
      await card.getByRole('button', { name: /^Keep / }).click();
      await saved();
      expect((await eventsOf(pageId)).length).toBe(before + 1);
    }
    await page.goto('/review?queue=review');
    await page.locator('.review-card').first().waitFor();
    expect(await page.locator('.review-card').first().getByRole('meter').count()).toBe(6);
    const { byQueue } = await summary();
    const cards = page.locator('.review-card');
    const chosen: number[] = [];
    for (let index = 0; index < 3; index++) {
      chosen.push(Number(await cards.nth(index).getAttribute('data-page')));
      await cards.nth(index).getByRole('checkbox').check();
    }
    await page.getByRole('button', { name: "Accept the ensemble's for 3" }).click();
    await saved();
    for (const pageId of chosen) expect((await eventsOf(pageId)).length).toBe(1);
    expect((await summary()).byQueue.review).toBe((byQueue.review ?? 0) + 3);
    await page.getByRole('button', { name: 'Undo' }).click();
    await saved();
    for (const pageId of chosen) expect((await eventsOf(pageId)).at(-1)).toBe('undo');
    await page.goto('/label?queue=review');
    await labelByKeys(5);
    await saved();
  }, 90_000);

  it('trains iteration 2 from the iterations view, and a moved threshold says what it buys', async () => {
    await page.goto('/iterations');
    await page.getByRole('button', { name: 'Start iteration 2' }).click();
    await page.getByRole('heading', { name: 'Iteration 3' }).waitFor({ timeout: 90 * seconds });
    await page.goto('/iterations/2');
    const slider = page.getByRole('slider');
    await slider.waitFor();
    const listed = () => page.locator('.histogram output').textContent();
    const before = Number(await listed());
    await slider.focus();
    for (let step = 0; step < 45; step++) await page.keyboard.press('ArrowRight');
    await page.getByText('Threshold 0.95', { exact: true }).waitFor();
    expect(Number(await listed())).toBeLessThanOrEqual(before);
    await page.getByRole('link', { name: 'Publish a list at 0.95' }).click();
    expect(await page.inputValue('[name=threshold]')).toBe('0.95');
  }, 120_000);

  it('publishes a list, labels its audit blind, and shows what the audit found', async () => {
    await page.goto('/lists');
    await page.getByLabel('Pages to audit').fill('20');
    await page.getByRole('button', { name: 'Publish list 1' }).click();
    await page
      .getByRole('link', { name: /^Label the audit/ })
      .first()
      .click({ timeout: 60 * seconds });
    await page.getByText('this queue is labelled blind').waitFor();
    await labelByKeys(20);
    await page.getByRole('heading', { name: 'Nothing waits in Audit' }).waitFor();
    await page.goto('/lists/1');
    await page.getByText('20 audited pages').waitFor({ timeout: 30 * seconds });
    await page.getByText('95 % interval').first().waitFor();
  }, 120_000);

  it('browses the gallery: filter, open, turn, story, citation, close; its address shows the same again', async () => {
    await page.goto('/gallery/1');
    await page.locator('.plate img').first().waitFor();
    const { total } = await stack.get<{ total: number }>('/v1/hq-lists/1/gallery?limit=1');
    await page.getByText(new RegExp(`^1–\\d+ of ${total} plates$`)).waitFor();
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByLabel('From year').fill('1840');
    await page.getByLabel('From year').press('Enter');
    const { total: later } = await stack.get<{ total: number }>('/v1/hq-lists/1/gallery?limit=1&yearMin=1840');
    expect(later).toBeLessThan(total);
    await page.getByText(`of ${later} plates`).waitFor();
    expect(page.url()).toContain('yearMin=1840');
    await page.locator('.plate').first().click();
    await page.getByRole('dialog').getByText('Similar pages').waitFor();
    const citation = () => page.locator('.citation').textContent();
    const first = await citation();
    await page.getByRole('button', { name: 'Next' }).click();
    await until('next plate', citation, (text) => text !== null && text !== first);
    expect(page.url()).toContain('plate=1');
    await page.reload();
    await until('same plate', citation, (text) => text !== null && text !== first);
    await page.locator('.zoom-canvas canvas').first().waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await until(
      'closed',
      () => page.getByRole('dialog').count(),
      (count) => count === 0,
    );
    const download = page.waitForEvent('download');
    await page.locator('.plate').first().click();
    await page.getByRole('button', { name: 'Download' }).click();
    expect((await download).suggestedFilename()).toMatch(/^\d+\.(webp|jpg|png)$/);
    await page.keyboard.press('Escape');
  }, 90_000);

  it('makes a collage and gives it away as a file', async () => {
    await page.goto('/collage?list=1&count=12&heading=Flora');
    await page.getByRole('img', { name: 'A collage of 12 plates of list 1' }).waitFor();
    const painted = await page.evaluate(`(() => {
      const canvas = document.querySelector('canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let place = 0; place < data.length; place += 4 * 997) seen.add(data[place] << 16 | data[place + 1] << 8 | data[place + 2]);
      return seen.size;
    })()`);
    expect(painted).toBeGreaterThan(200);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as PNG' }).click();
    expect((await download).suggestedFilename()).toBe('florilegium-v1-1.png');
  }, 60_000);

  it('imports a list, compares it with the published one, and takes it out of use with a reason', async () => {
    const published = (await (await fetch(`${stack.url}/v1/hq-lists/1/pages.txt`)).text()).trim().split('\n');
    await page.goto('/lists');
    const choose = async (name: string, lines: string[]) => {
      await page
        .getByLabel('A file with one PageID a line')
        .setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(`${lines.join('\n')}\n`) });
      await page.getByRole('button', { name: 'Import it' }).click();
    };
    await choose('not-a-list.txt', ['12', 'twelve']);
    await page
      .getByRole('alert')
      .getByText(/line 2/i)
      .waitFor();
    await choose('elsewhere.txt', [...published.slice(3), '2000000001', '2000000002']);
    const imported = await until(
      'imported list',
      async () => (await stack.get<{ hqLists: { version: number; state: string }[] }>('/v1/hq-lists')).hqLists.at(-1)!,
      ({ version, state }) => version > 1 && state === 'published',
    );
    await page.getByRole('link', { name: `List ${imported.version}`, exact: true }).waitFor();
    // The newest two are compared without being chosen; the other way round what was added is dropped.
    await page.getByText(`2 added, 3 dropped, ${published.length - 3} kept`).waitFor();
    await page.getByLabel('The older').selectOption(`List ${imported.version}`);
    await page.getByLabel('The newer').selectOption('List 1');
    await page.getByText(`3 added, 2 dropped, ${published.length - 3} kept`).waitFor();
    await page.goto(`/lists/${imported.version}`);
    await page.getByText('Not audited.').waitFor();
    await page.getByLabel('Reason').fill('made for a test');
    await page.getByRole('button', { name: 'Take it out of use' }).click();
    await page.getByText('withdrawn', { exact: true }).waitFor();
    await page.getByText(/made for a test/i).waitFor();
  }, 60_000);

  it('shows runs of every kind with their figures', async () => {
    for (const [kind, text] of [
      ['imports', /rows/],
      ['fetch-runs', /images a second/],
      ['trainings', /out of fold/],
      ['prediction-runs', /predicted/],
    ] as const) {
      await page.goto(`/runs?kind=${kind}`);
      await page.getByText(text).first().waitFor();
    }
  }, 60_000);

  it('names the pages of a fetch run that failed with the reason, and says when none can be tried again', async () => {
    const answer = await fetch(`${stack.url}/v1/fetch-runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ pageIds: [2000000007], size: 'thumb' }),
    });
    const { id } = (await answer.json()) as { id: string };
    await until(
      'fetch run to end',
      () => stack.get<{ state: string; failedCount: number }>(`/v1/fetch-runs/${id}`),
      ({ state, failedCount }) => state === 'done' && failedCount === 1,
    );
    await page.goto('/runs?kind=fetch-runs');
    await page.getByText('Which failed, and why').first().click();
    await page.getByText('2000000007').first().waitFor();
    await page.getByText('the catalog does not know this page').first().waitFor();
    await page.getByRole('button', { name: 'Retry the 1 failed' }).first().click();
    await page.getByText('None of them can be tried again').waitFor();
  }, 60_000);
});

/** A screen by its address, and what is opened on it. */
type Screen = string | { path: string; name: string; open: (shown: Page) => Promise<unknown> };

const emptyScreens: Screen[] = ['/', '/begin', '/label', '/review', '/iterations', '/lists', '/collage', '/runs'];

const screens: Screen[] = [
  '/',
  '/begin',
  '/label?queue=review',
  '/label?queue=review&mode=grid',
  '/review?queue=review',
  '/review?queue=misprediction',
  '/iterations',
  '/iterations/1',
  '/lists',
  '/lists/1',
  '/gallery/1',
  '/gallery/1?plate=0',
  '/collage?list=1&count=6',
  '/runs?kind=fetch-runs',
  { path: '/', name: 'a plate by itself', open: async (shown) => await shown.goto(`/pages/${await anyListed()}`) },
  {
    path: '/label?queue=review',
    name: 'zoomed',
    open: async (shown) => {
      await shown.getByRole('button', { name: 'Zoom' }).click();
      await shown.getByRole('dialog').waitFor();
    },
  },
  {
    path: '/label?queue=review',
    name: 'with neighbours',
    open: async (shown) => {
      await shown.getByRole('button', { name: 'Neighbours in the book' }).click();
      await shown.locator('.neighbours img').first().waitFor();
    },
  },
  {
    path: '/gallery/1',
    name: 'with its filter',
    open: (shown) => shown.getByRole('button', { name: 'Filter' }).click(),
  },
  {
    path: '/runs?kind=fetch-runs',
    name: 'with what failed',
    open: (shown) => shown.getByText('Which failed, and why').first().click(),
  },
  {
    path: '/lists',
    name: 'asking for a key',
    open: async (shown) => {
      await shown.route('**/v1/hq-lists', (route) =>
        route.fulfill({ status: 401, json: { detail: 'a key is needed' } }),
      );
      await shown.reload();
      await shown.getByRole('dialog').waitFor();
      await shown.unroute('**/v1/hq-lists');
    },
  },
];
const titleOf = (screen: Screen) => (typeof screen === 'string' ? screen : `${screen.path} ${screen.name}`);
const anyListed = async () =>
  (await stack.get<{ pages: { pageId: number }[] }>('/v1/hq-lists/1/gallery?limit=1')).pages[0]!.pageId;

async function goTo(shown: Page, screen: Screen): Promise<void> {
  await shown.goto(typeof screen === 'string' ? screen : screen.path);
  await settled(shown);
  if (typeof screen === 'string') return;
  await screen.open(shown);
  await settled(shown);
}

/** What axe-core finds on screens, and which do not fit. */
async function faultsOf(
  of: readonly Screen[],
  { colorScheme, width }: { colorScheme: 'light' | 'dark'; width: number },
): Promise<string[]> {
  // Scripts of a test are not the page's own, which its policy would stop.
  const own = await stack.browser.newContext({
    baseURL: stack.url,
    viewport: { width, height: 800 },
    colorScheme,
    bypassCSP: true,
    reducedMotion: 'reduce',
  });
  own.setDefaultTimeout(20 * seconds);
  const shown = await newPage(own);
  const violations: string[] = [];
  for (const screen of of) {
    await goTo(shown, screen);
    violations.push(...(await tooWideFor(shown, titleOf(screen), width)));
    await shown.addScriptTag({ path: axePath });
    const found = (await shown.evaluate(`axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => id + ' ' + target.join(' ') + ': ' + failureSummary)))`)) as string[];
    violations.push(...found.map((one) => `${titleOf(screen)} ${one}`));
  }
  await own.close();
  return violations;
}

/** Every text of the screen is there: no request is under way. */
const settled = async (shown: Page) => {
  await shown.waitForLoadState('networkidle').catch(() => {});
  await shown.waitForTimeout(150);
};

const tooWideFor = async (shown: Page, screen: string, width: number) => {
  const needed = Number(await shown.evaluate('document.documentElement.scrollWidth'));
  return needed > width ? [`${screen} needs ${needed} of ${width}`] : [];
};

describe('every screen', () => {
  for (const [colorScheme, width] of [
    ['light', 360],
    ['dark', 1280],
  ] as const)
    it(`has no violation of axe-core's rules and fits, ${colorScheme}, ${width} px`, async () => {
      expect(await faultsOf(screens, { colorScheme, width })).toEqual([]);
    }, 120_000);

  it('lets the Tab key reach every control, and fits 3,840 px', async () => {
    const width = 3840;
    const own = await stack.browser.newContext({ baseURL: stack.url, viewport: { width, height: 2160 } });
    const shown = await newPage(own);
    const missed: string[] = [];
    for (const screen of screens) {
      await goTo(shown, screen);
      missed.push(...(await tooWideFor(shown, titleOf(screen), width)));
      const count = (await shown.evaluate(`(() => {
        const room = document.querySelector('dialog[open]') ?? document;
        const controls = [...room.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter((one) =>
          !one.disabled && one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true }) && !(one.type === 'radio' && !one.checked));
        for (const one of controls) one.dataset.toReach = '';
        return controls.length;
      })()`)) as number;
      // Some lists grow while one walks through them.
      for (let step = 0, left = count; left > 0 && step < 3 * count + 10; step++) {
        await shown.keyboard.press('Tab');
        left = (await shown.evaluate(`(() => {
          delete document.activeElement?.dataset.toReach;
          return document.querySelectorAll('[data-to-reach]').length;
        })()`)) as number;
      }
      const left = (await shown.evaluate(
        `[...document.querySelectorAll('[data-to-reach]')].map((one) => one.outerHTML.slice(0, 90))`,
      )) as string[];
      missed.push(...left.map((one) => `${titleOf(screen)} ${one}`));
    }
    await own.close();
    expect(missed).toEqual([]);
  }, 120_000);
});
