// Takes the pictures under docs/screenshots from a running stack: node tests/ui/screenshots-main.ts [http://127.0.0.1:8080]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareChromium } from '@florilegium/stack';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

interface Shot {
  name: string;
  path: string;
  size?: [number, number];
  colorScheme?: 'light' | 'dark';
  /** Clicked once the screen is there. */
  click?: string;
  /** Pressed one after another once the screen is there. */
  keys?: string[];
}

const url = process.argv[2] ?? 'http://127.0.0.1:8080';
const { hqLists } = (await (await fetch(`${url}/v1/hq-lists`)).json()) as {
  hqLists: { version: number; state: string }[];
};
const list = hqLists.findLast(({ state }) => state === 'published')?.version ?? 1;

const shots: Shot[] = [
  { name: 'overview', path: '/' },
  { name: 'begin', path: '/begin', click: '.step:nth-child(2) summary', size: [1440, 1150] },
  { name: 'label', path: '/label?queue=uncertain' },
  {
    name: 'label-grid',
    path: '/label?queue=uncertain&mode=grid',
    colorScheme: 'dark',
    keys: ['ArrowRight', 'Shift+ArrowRight', 'Shift+ArrowRight'],
  },
  { name: 'label-phone', path: '/label?queue=review', size: [360, 740] },
  { name: 'review', path: '/review?queue=misprediction' },
  { name: 'iterations', path: '/iterations', size: [1440, 2500] },
  { name: 'list', path: `/lists/${list}` },
  { name: 'gallery', path: `/gallery/${list}` },
  { name: 'plate', path: `/gallery/${list}?plate=3`, colorScheme: 'dark' },
  { name: 'collage', path: `/collage?list=${list}&count=40&heading=Flora+et+Fauna`, size: [1440, 1150] },
  { name: 'runs', path: '/runs?kind=fetch-runs' },
];
const widthPx = 1200;

const folder = fileURLToPath(new URL('../../docs/screenshots', import.meta.url));
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: await prepareChromium(console.error),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
for (const { name, path, size: [width, height] = [1440, 900], colorScheme = 'light', click, keys = [] } of shots) {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height },
    colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(path);
  await page.waitForLoadState('networkidle');
  await page.waitForTimeout(2_500);
  if (click) {
    await page.click(click);
    await page.waitForTimeout(1_500);
  }
  for (const key of keys) await page.keyboard.press(key);
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
