// A person in front of the web UI: a fresh browser, with catalog's and fetcher's answers written by hand.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { until } from './service.ts';

export const picture = (pageId: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="465" height="700"><rect width="465" height="700" fill="#eee2c8"/><text x="90" y="350" font-size="60">${pageId}</text></svg>`;

export interface VisitorOptions {
  browser: Browser;
  url: string;
  /** Errors of scripts, and what the page's policy stops, are added here. */
  faults: string[];
}

export async function openVisitor({
  browser,
  url,
  faults,
}: VisitorOptions): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ baseURL: url });
  context.setDefaultTimeout(10_000);
  await context.route(/\/v1\/images\/\d+/, (route) =>
    route.fulfill({ contentType: 'image/svg+xml', body: picture(/images\/(\d+)/.exec(route.request().url())![1]!) }),
  );
  await context.route(/\/v1\/pages\/\d+$/, (route) =>
    route.fulfill({
      json: {
        title: 'Flora of a test',
        year: '1799',
        volume: 'v.1',
        authors: '',
        place: 'Plate 1',
        sequence: 7,
        names: [],
        neighbours: [],
        bhlAddress: 'https://www.biodiversitylibrary.org/page/1',
      },
    }),
  );
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // Requests that fail are what some tests are about; a script or style that the policy stops is a fault.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) faults.push(message.text());
  });
  return { context, page };
}

/** The page on the screen; the picture is there when this resolves, and differs from the one before. */
export async function shownPage(page: Page, before?: number): Promise<number> {
  const read = async () => {
    const alt =
      (await page.locator('#picture img').count()) && (await page.locator('#picture img').getAttribute('alt'));
    return Number(/Scanned page (\d+)/.exec(alt || '')?.[1] ?? 0);
  };
  return await until('page shown', read, (pageId) => pageId !== 0 && pageId !== before);
}

export const saved = (page: Page) =>
  until(
    'all saved',
    () => page.textContent('#saving'),
    (text) => text === 'All saved',
    20_000,
  );
