// Takes the pictures under docs/screenshots from a stack that npm start brought up and whose job is done:
// node tests/ui/screenshots-main.ts [http://127.0.0.1:8080]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { prepareChromium } from '@florilegium/stack';
import { chromium, type Page } from 'playwright-core';
import sharp from 'sharp';

interface Shot {
  name: string;
  path: string;
  size?: [number, number];
  colorScheme?: 'light' | 'dark';
  isPhone?: boolean;
  /** What is done once the screen is there. */
  act?: (page: Page) => Promise<unknown>;
}

const url = process.argv[2] ?? 'http://127.0.0.1:8080';
const widthPx = 1200;
const settleMs = 2_000;

async function get<Answer>(path: string): Promise<Answer> {
  return (await (await fetch(`${url}${path}`)).json()) as Answer;
}
async function post(path: string, body: object): Promise<void> {
  const { ok, status } = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!ok) throw new Error(`${path} answers ${status}`);
}
interface ListTold {
  version: number;
  state: string;
}
const lists = async () => (await get<{ hqLists: ListTold[] }>('/v1/hq-lists')).hqLists;

/** What a finished job does not leave: an audit that waits, and a fetch of which some pages failed. */
async function prepare(): Promise<void> {
  if (!(await lists()).some(({ state }) => state === 'auditing'))
    await post('/v1/hq-lists', { auditCount: 40, threshold: 0.5 });
  while ((await lists()).some(({ state }) => state === 'predicting')) await sleep(500);
  const { pages } = await get<{ pages: { pageId: number }[] }>('/v1/pages?limit=40');
  await post('/v1/fetch-runs', {
    pageIds: [...pages.map(({ pageId }) => pageId), 2000000007, 2000000008],
    size: 'thumb',
  });
  await sleep(5_000);
}

await prepare();
const list = (await lists()).findLast(({ state }) => state === 'published')?.version ?? 1;
const press =
  (...keys: string[]) =>
  async (page: Page) => {
    for (const key of keys) await page.keyboard.press(key);
  };
const click = (selector: string) => (page: Page) => page.click(selector);

const shots: Shot[] = [
  { name: 'overview', path: '/' },
  { name: 'begin', path: '/begin', act: click('.step:nth-child(2) summary'), size: [1440, 1150] },
  { name: 'label', path: '/label?queue=review' },
  { name: 'neighbours', path: '/label?queue=review', act: press('n'), colorScheme: 'dark' },
  {
    name: 'label-grid',
    path: '/label?queue=uncertain&mode=grid',
    colorScheme: 'dark',
    act: press('1', '1', '2', 'ArrowRight', 'Shift+ArrowRight', 'Shift+ArrowRight'),
  },
  { name: 'label-phone', path: '/label?queue=review', size: [360, 740], isPhone: true },
  { name: 'audit', path: '/label?queue=audit&mode=grid' },
  { name: 'review', path: '/review?queue=misprediction' },
  { name: 'iterations', path: '/iterations', size: [1440, 2500] },
  { name: 'lists', path: '/lists' },
  { name: 'list', path: `/lists/${list}` },
  { name: 'gallery', path: `/gallery/${list}` },
  { name: 'plate', path: `/gallery/${list}?plate=2`, colorScheme: 'dark' },
  { name: 'collage', path: `/collage?list=${list}&count=40&heading=Flora+et+Fauna`, size: [1440, 1150] },
  { name: 'runs', path: '/runs?kind=fetch-runs', act: click('summary') },
  { name: 'wide', path: `/gallery/${list}`, size: [3840, 2160] },
];

const folder = process.argv[3] ?? fileURLToPath(new URL('../../docs/screenshots', import.meta.url));
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: await prepareChromium(console.error),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
for (const { name, path, size: [width, height] = [1440, 900], colorScheme = 'light', isPhone = false, act } of shots) {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height },
    colorScheme,
    reducedMotion: 'reduce',
    hasTouch: isPhone,
    isMobile: isPhone,
  });
  const page = await context.newPage();
  await page.goto(path);
  await page.waitForLoadState('networkidle');
  await sleep(settleMs);
  await act?.(page);
  // Nothing is taken in the middle of a change.
  if (act) await sleep(settleMs);
  const picture = sharp(await page.screenshot());
  const small = await picture
    .resize({ width: Math.min(width, widthPx) })
    .webp({ quality: 80 })
    .toBuffer();
  await writeFile(join(folder, `${name}.webp`), small);
  console.log(`${name}.webp, ${Math.round(small.length / 1000)} kB`);
  await context.close();
}
await browser.close();
