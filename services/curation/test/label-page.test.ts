// The pages for people, used as a person would, in a real Chromium on the real service.
import { prepareChromium } from '@florilegium/stack';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { predictSets, trainEnsemble } from './loop-events.ts';
import { startTestService, type TestService, until } from './service.ts';
import { openVisitor, saved, shownPage } from './visitor.ts';

let browser: Browser;
let service: TestService;
let locked: TestService;
let context: BrowserContext;
let begunAt = 0;
const faults: string[] = [];

beforeAll(async () => {
  const executablePath = await prepareChromium((line) => console.error(line));
  // As root Chromium has no sandbox; it opens nothing but this machine's own pages.
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
  const servers = { databaseUrl: inject('databaseUrl'), natsUrl: inject('natsUrl') };
  service = await startTestService({ ...servers, name: 'label-page', authRequired: false });
  locked = await startTestService({ ...servers, name: 'label-page-locked' });
}, 300_000);
afterEach(async () => {
  await context?.close();
  expect(faults.splice(0)).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
  await service?.stop();
  await locked?.stop();
});

async function anyone(): Promise<Page> {
  begunAt = Date.now();
  ({ context } = await openVisitor({ browser, url: service.url, faults }));
  return context.pages()[0]!;
}

/** Presses a key for each label and tells what stood on the screen. */
async function labelByKeys(page: Page, keys: string): Promise<number[]> {
  const pageIds: number[] = [];
  let before: number | undefined;
  for (const key of keys) {
    before = await shownPage(page, before);
    pageIds.push(before);
    await page.keyboard.press(key);
  }
  await shownPage(page, before);
  return pageIds;
}

const summary = async () => (await service.get('/v1/labels/summary')).body;
const eventsOf = async (pageId: number) => (await service.get(`/v1/labels/${pageId}/events`)).body.events;
/** What this test did to each page. */
const labelsOf = async (pageIds: number[]) =>
  Promise.all(
    pageIds.map(async (pageId) =>
      (await eventsOf(pageId))
        .filter(({ at }: { at: string }) => Date.parse(at) >= begunAt)
        .map(({ kind, label }: { kind: string; label?: string }) => label ?? kind)
        .join(' '),
    ),
  );

describe('the labelling page', () => {
  it('labels by the keys 1, 2 and 3, and by buttons, with queue and time; another key does nothing', async () => {
    const page = await anyone();
    await page.goto('/label');
    const first = await shownPage(page);
    for (const key of ['4', '0', 'a', 'Enter', 'Space', 'Escape', 'Shift+Digit1', 'Control+1', 'ArrowRight'])
      await page.keyboard.press(key);
    expect(await shownPage(page)).toBe(first);
    const pageIds = await labelByKeys(page, '123');
    const clicked = await shownPage(page);
    await page.getByRole('button', { name: 'HQ' }).click();
    await page.keyboard.press('Space');
    await saved(page);
    expect(await labelsOf([...pageIds, clicked])).toEqual(['HQ', 'LQ', 'NOT_SURE', 'HQ']);
    expect(await summary()).toMatchObject({ events: 4, byQueue: { initial: 4 } });
    const [event] = await eventsOf(pageIds[0]!);
    expect(event).toMatchObject({ queue: 'initial', iteration: null, by: 'local' });
    expect(event.tookMs).toBeGreaterThan(0);
    expect(page.url()).toContain('queue=initial');
    expect(await page.textContent('#title')).toBe('Flora of a test');
    expect(await page.getAttribute('#bhl', 'href')).toContain('biodiversitylibrary.org/page/');
  });

  it('has at least three pictures ready ahead, so that the next is there within a frame or two', async () => {
    const page = await anyone();
    await page.goto('/label?queue=initial');
    await shownPage(page);
    const ahead = await until(
      'ahead',
      () => page.getAttribute('.label-sheet', 'data-ahead'),
      (count) => Number(count) >= 3,
    );
    expect(Number(ahead)).toBeGreaterThanOrEqual(3);
    const before = await page.getAttribute('#picture img', 'src');
    // Within the next frame, without waiting for the network.
    const changed = await page.evaluate(`new Promise((resolve) => {
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '2', code: 'Digit2', bubbles: true }));
      requestAnimationFrame(() => requestAnimationFrame(() =>
        resolve(document.querySelector('#picture img')?.getAttribute('src'))));
    })`);
    expect(changed).toBeTruthy();
    expect(changed).not.toBe(before);
    await page.keyboard.press('Backspace');
    await saved(page);
  });

  it('takes back step by step, after a refresh as well, and a page taken back is labelled anew', async () => {
    const page = await anyone();
    await page.goto('/label?queue=initial');
    const pageIds = await labelByKeys(page, '1111');
    await page.keyboard.press('Control+z');
    await until(
      'back',
      () => shownPage(page),
      (pageId) => pageId === pageIds[3],
    );
    await saved(page);
    await page.reload();
    await shownPage(page);
    for (const expected of [pageIds[2], pageIds[1]]) {
      await page.keyboard.press('Backspace');
      await until(
        'back',
        () => shownPage(page),
        (pageId) => pageId === expected,
      );
    }
    await page.keyboard.press('3');
    await saved(page);
    expect(await labelsOf(pageIds)).toEqual(['HQ', 'HQ undo NOT_SURE', 'HQ undo', 'HQ undo']);
    // Undone without limit, and no further than the first.
    for (const _ of Array(9)) await page.keyboard.press('Backspace');
    await saved(page);
    expect(await labelsOf(pageIds)).toEqual(['HQ undo', 'HQ undo NOT_SURE undo', 'HQ undo', 'HQ undo']);
    expect(await page.getByRole('button', { name: 'Undo' }).isDisabled()).toBe(true);
  });

  it('keeps labels while the network is cut, over a refresh, and each arrives once, in order', async () => {
    const page = await anyone();
    await page.goto('/label?queue=initial');
    await shownPage(page);
    await until(
      'ahead',
      () => page.getAttribute('.label-sheet', 'data-ahead'),
      (count) => Number(count) >= 6,
    );
    const { events } = await summary();
    await context.setOffline(true);
    const pageIds = await labelByKeys(page, '1212');
    await until(
      'stalled',
      () => page.textContent('#saving'),
      (text) => /^4 decisions kept here/.test(text ?? ''),
    );
    await page.keyboard.press('Control+z');
    await page.waitForTimeout(3_000);
    expect((await summary()).events).toBe(events);
    await context.setOffline(false);
    await page.reload();
    await saved(page);
    expect(await labelsOf(pageIds)).toEqual(['HQ', 'LQ', 'HQ', 'LQ undo']);
    expect((await summary()).events).toBe(events + 5);
  });

  it('loses and doubles nothing of two tabs that label beside each other while the network is cut', async () => {
    const page = await anyone();
    const other = await context.newPage();
    for (const tab of [page, other]) {
      await tab.goto('/label?queue=initial');
      await shownPage(tab);
      await until(
        'ahead',
        () => tab.getAttribute('.label-sheet', 'data-ahead'),
        (count) => Number(count) >= 6,
      );
    }
    const { events } = await summary();
    await context.setOffline(true);
    await labelByKeys(page, '11');
    await labelByKeys(other, '22');
    await labelByKeys(page, '1');
    await context.setOffline(false);
    await saved(page);
    await saved(other);
    expect((await summary()).events).toBe(events + 5);
  });

  it('records a label and an undo once though their answers are lost on the way', async () => {
    const page = await anyone();
    await page.goto('/label?queue=initial');
    await shownPage(page);
    const { events } = await summary();
    const keys: (string | undefined)[] = [];
    const lost = new Set<string>();
    await page.route(/\/v1\/labels(\/\d+\/undo\?.*)?$/, async (route) => {
      const key = route.request().headers()['idempotency-key'];
      keys.push(key);
      if (lost.has(key!)) return await route.continue();
      lost.add(key!);
      await route.fetch();
      await route.abort('connectionreset');
    });
    const [pageId] = await labelByKeys(page, '2');
    await page.keyboard.press('Backspace');
    await saved(page);
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(2);
    expect(await labelsOf([pageId!])).toEqual(['LQ undo']);
    expect((await summary()).events).toBe(events + 2);
  });

  it('shows what was refused, and an undo of it takes back nothing', async () => {
    const page = await anyone();
    await page.goto('/label?queue=initial');
    const pageId = await shownPage(page);
    const before = await labelsOf([pageId]);
    await page.route(/\/v1\/labels$/, (route) =>
      route.fulfill({
        json: { recordedCount: 0, refused: [{ index: 0, pageId, code: 'x', message: 'an audit drew it' }] },
      }),
    );
    await page.keyboard.press('1');
    await until(
      'notice',
      () =>
        page
          .locator('.notices')
          .allTextContents()
          .then((texts) => texts.join()),
      (text) => /an audit drew it/.test(text ?? ''),
    );
    await page.keyboard.press('Backspace');
    await saved(page);
    expect(await page.locator('.notices').count()).toBe(0);
    expect(await labelsOf([pageId])).toEqual(before);
  });

  it('hides what the ensemble thinks until the page is decided or the curator asks for it', async () => {
    for (const pageId of service.world.pageIdsOf('train').slice(0, 40))
      await service.post('/v1/labels', {
        labels: [{ pageId, label: service.world.isHq(pageId) ? 'HQ' : 'LQ', queue: 'initial' }],
      });
    const page = await anyone();
    await page.goto('/iterations');
    await page.getByRole('button', { name: 'Start iteration 1' }).click();
    await page.getByRole('heading', { name: 'Iteration 1 is training' }).waitFor();
    await predictSets(service, await trainEnsemble(service, 1));
    await page.getByText('verdict on iteration 1').waitFor({ timeout: 20_000 });
    await page.goto('/label?queue=review');
    await shownPage(page);
    expect(await page.textContent('#reason')).not.toMatch(/P\(HQ\)/);
    expect(await page.locator('.label-aside [role=meter]').count()).toBe(0);
    const [decided] = await labelByKeys(page, '2');
    expect(await page.textContent('#decided')).toMatch(new RegExp(`page ${decided} · ensemble P\\(HQ\\) 0\\.`));
    await page.getByLabel('Show it before I decide').check();
    expect(await page.locator('.label-aside [role=meter]').count()).toBe(6);
    expect(await page.textContent('#reason')).toMatch(/P\(HQ\)/);
    await saved(page);
    expect((await eventsOf(decided!)).at(-1)).toMatchObject({ label: 'LQ', queue: 'review', iteration: 1 });
    await page.selectOption('#queue', 'initial');
    await page.getByText('this queue is labelled blind').waitFor();
    expect(await page.locator('.label-aside [role=meter]').count()).toBe(0);
  });
});

describe('lists', () => {
  it('lead from publishing over the audit to the published list without a line of curl', async () => {
    const page = await anyone();
    await page.goto('/lists');
    await page.getByLabel('Pages to audit').fill('4');
    await page.getByRole('button', { name: 'Publish list 1' }).click();
    const [key, run] = await until(
      'list run',
      () => [...service.world.runs].find(([, { selection }]) => selection === 'illustrated') ?? ['', undefined],
      ([, found]) => found !== undefined,
    );
    await service.publishTwice('inference.run.completed', {
      runId: run!.runId,
      ensembleId: key.split(' ')[0]!,
      pageSetId: '',
      rule: 'illustrated',
      predictedCount: run!.predictedCount,
      noImageCount: run!.noImageCount,
    });
    await page.getByRole('link', { name: 'Label the audit' }).first().click();
    await shownPage(page);
    await page.getByText('this queue is labelled blind').waitFor();
    let before: number | undefined;
    for (const _ of Array(4)) {
      before = await shownPage(page, before);
      await page.keyboard.press(service.world.isHq(before) ? '1' : '2');
    }
    await page.getByRole('heading', { name: 'Nothing waits in Audit' }).waitFor();
    await saved(page);
    await page.getByRole('link', { name: 'Lists' }).click();
    await page.getByText('published', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Publish list 2' }).waitFor();
  });

  it("show a refusal as the problem's detail, and keep what was typed", async () => {
    const page = await anyone();
    await page.goto('/lists');
    await page.getByLabel('Pages to audit').fill('4');
    await page.route('**/v1/hq-lists', (route) =>
      route.request().method() === 'GET'
        ? route.continue()
        : route.fulfill({
            status: 400,
            contentType: 'application/problem+json',
            json: { detail: 'list 1 is auditing' },
          }),
    );
    await page.getByRole('button', { name: 'Publish list 2' }).click();
    await page.getByRole('alert').getByText('List 1 is auditing.').waitFor();
    expect(await page.inputValue('[name=auditCount]')).toBe('4');
  });
});

describe('where keys are needed', () => {
  it('asks for one, keeps it in the tab alone, and says when its role is too low', async () => {
    const page = await anyone();
    await page.goto(`${locked.url}/iterations`);
    await page.getByLabel('API key').fill('v');
    await page.getByRole('button', { name: 'Use this key' }).click();
    await page.getByText('no page is labelled HQ or LQ yet').waitFor();
    await page.goto(`${locked.url}/label`);
    const pageId = await shownPage(page);
    await page.keyboard.press('1');
    await until(
      'told',
      () => page.textContent('#saving'),
      (text) => /^1 decision kept here: .*needs the role curator; vera has viewer/.test(text ?? ''),
    );
    await page.getByRole('button', { name: 'Key' }).click();
    await page.getByLabel('API key').fill('c');
    await page.getByRole('button', { name: 'Use this key' }).click();
    await saved(page);
    const { body } = await locked.get(`/v1/labels/${pageId}/events`);
    expect(body.events).toMatchObject([{ label: 'HQ', by: 'carl' }]);
    expect(await page.evaluate('JSON.stringify({ ...localStorage })')).not.toContain('"c"');
    expect(await page.evaluate("sessionStorage.getItem('florilegium.key')")).toBe('c');
  });

  it('gives nothing of the data without one: the page itself holds none, and runs no script but its own', async () => {
    const headers = { authorization: '', accept: 'text/html' };
    for (const path of ['/', '/label', '/lists/1', '/pages/1']) {
      const { status, headers: sent, body } = await locked.get(path, headers);
      expect(status).toBe(200);
      expect(sent.get('content-security-policy')).toContain("script-src 'self';");
      expect(sent.get('cache-control')).toBe('public, max-age=0');
      expect(body).not.toMatch(/<script(?! type="module" crossorigin src="\/assets\/)|<style| style=| on[a-z]+=/);
      const [script] = /\/assets\/index-[\w-]+\.js/.exec(body) ?? [];
      const asset = await locked.get(script!, { ...headers, 'accept-encoding': 'br' });
      expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(asset.headers.get('content-encoding')).toBe('br');
    }
    expect((await locked.get('/v1/labels', headers)).status).toBe(401);
  });
});
