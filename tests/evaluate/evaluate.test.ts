import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawSampleLibrary } from '@florilegium/simulated';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluate } from './evaluate.ts';
import { readOptions } from './options.ts';

let folder: string;
let library: string;
let heldout: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evaluate-test-'));
  library = join(folder, 'library');
  heldout = join(folder, 'heldout');
  await drawSampleLibrary({ dir: library, booksMax: 5, pagesPerBookMax: 16 });
  await drawSampleLibrary({ dir: heldout, seed: 2, booksMax: 2, pagesPerBookMax: 16 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]) {
  const env = { FLORILEGIUM_CACHE: join(folder, 'cache') };
  const backbone = args.includes('--backbone') ? [] : ['--backbone', 'classic'];
  const options = readOptions([...backbone, '--pages', 'all', '--threads', '1', ...args], env);
  if (options === 'help') throw new Error('help');
  const printed: string[] = [];
  await evaluate(options, (text) => printed.push(text));
  return printed.join('\n');
}

it('writes one row a strategy, budget, seed and fold, in the agreed form, and a plot', async () => {
  const [json, plot] = [join(folder, 'rows.json'), join(folder, 'curve.svg')];
  const scope = ['--seeds', '2', '--folds', '3', '--budget', '12,5000', '--strategy', 'triage'];
  const text = await run('--library', library, ...scope, '--json', json, '--plot', plot);
  const rows = JSON.parse(await readFile(json, 'utf8')) as Record<string, unknown>[];
  expect(rows).toHaveLength(2 * 2 * 2 * 3);
  for (const row of rows) {
    expect(Object.keys(row)).toEqual([
      'backbone',
      'strategy',
      'budget',
      'seed',
      'fold',
      'accuracy',
      'auc',
      'precision',
      'recall',
      'ece',
      'seconds',
    ]);
    for (const name of ['accuracy', 'auc', 'precision', 'recall', 'ece'])
      expect(row[name], name).toSatisfy((value: number) => value >= 0 && value <= 1);
  }
  const best = rows.filter(({ strategy, budget }) => strategy === 'triage' && budget === 5000);
  expect(best.reduce((sum, { auc }) => sum + (auc as number), 0) / best.length).toBeGreaterThan(0.8);
  expect(text).toContain('a budget of 5000 is more than there is to label');
  expect(text).toContain('baseline: share of coloured pixels');
  expect(text).toMatch(/triage at 12 minus random at 5000: accuracy [+-]0\.\d+ \[/);
  expect(await readFile(plot, 'utf8')).toMatch(/^<svg [\s\S]*polyline[\s\S]*<\/svg>\n$/);
}, 120_000);

it('scores a second library, names what it cannot read, and takes the rest from its cache', async () => {
  const web = join(heldout, 'web');
  const images = (await readdir(web, { recursive: true })).filter((name) => name.endsWith('_medium.webp')).sort();
  await rm(join(web, images[0]!));
  await writeFile(join(web, images[1]!), 'not an image');
  const scope = ['--heldout', heldout, '--tone', '--seeds', '1', '--budget', '20', '--strategy', 'random'];
  const text = await run('--library', library, ...scope);
  expect(text).toMatch(/1 pages of .*heldout have no image \(\d+\): left out/);
  expect(text).toMatch(/1 images of .*heldout cannot be decoded \(page \d+: .+\): left out/);
  expect(text).toContain('aged by code');
  const startedAt = performance.now();
  expect(await run('--library', library, ...scope)).toContain('best at 20 labels');
  expect(performance.now() - startedAt).toBeLessThan(30_000);
}, 120_000);

it('says in words what a library lacks', async () => {
  await expect(run('--library', join(folder, 'nowhere'))).rejects.toThrow("is no library in BHL's layout");
  await expect(run('--library', library, '--backbone', 'resnet')).rejects.toThrow(
    'backbone resnet is not known; there are auto, mobilenet-v2',
  );
  const bare = join(folder, 'bare');
  await drawSampleLibrary({ dir: bare, booksMax: 1, pagesPerBookMax: 2 });
  await expect(run('--library', bare)).rejects.toThrow('at least 4 of each are needed');
  await rm(join(bare, 'truth.csv'));
  await expect(run('--library', bare)).rejects.toThrow('has no truth.csv');
}, 60_000);
