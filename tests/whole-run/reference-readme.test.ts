// The commands of the reference project's README in their order, in its spelling, from the page file to the third iteration's labels: files
// where it has files, and the real services where it has a GPU. A person's keys and a person's look at what the ensemble proposes are played
// from the sample library's truth.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drawSampleLibrary, readTruth, type TruthLabel } from '@florilegium/simulated';
import { freePort, type RunningStack, servicePrograms, startStack } from '@florilegium/stack';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

const bin = fileURLToPath(new URL('../../libs/cli/bin/florilegium.mjs', import.meta.url));
const simulatedBhl = fileURLToPath(new URL('../../libs/simulated/src/simulated-bhl-main.ts', import.meta.url));
const minutes = 60_000;

let dir: string;
let stack: RunningStack;
let truth: Map<number, TruthLabel>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'florilegium-readme-'));
  await chmod(dir, 0o755);
  const library = join(dir, 'library');
  await drawSampleLibrary({ dir: library, seed: 5, booksMax: 10, pagesPerBookMax: 24 });
  truth = await readTruth(library);
  for (const name of ['DATABASE_URL', 'NATS_URL', 'FLORILEGIUM_MODELS']) vi.stubEnv(name, '');
  vi.stubEnv('FLORILEGIUM_OFFLINE', '1');
  stack = await startStack({
    dataDir: join(dir, 'data'),
    gatewayPort: await freePort(),
    programs: [
      {
        name: 'simulated-bhl',
        main: simulatedBhl,
        env: { LIBRARY: library },
        readyPath: '/images/image_not_found.jpg',
      },
      ...servicePrograms,
    ],
    programEnv: (urls) => {
      const baseUrl = urls['simulated-bhl']!;
      const limits = { baseUrl, requestsPerSecond: 500, inFlightMax: 32 };
      return {
        catalog: { IMPORT_HOSTS: new URL(baseUrl).host },
        fetcher: {
          SOURCES: JSON.stringify([
            { name: 'bucket', addressing: 'bucket', ...limits },
            { name: 'bhl', addressing: 'pageimage', ...limits },
          ]),
        },
      };
    },
    durable: false,
    log: () => {},
  });
}, 4 * minutes);

afterAll(async () => {
  vi.unstubAllEnvs();
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await stack?.stop();
  await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
}, minutes);

function begin(args: readonly string[]) {
  const child = spawn(process.execPath, [bin, ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { output: () => output, ended };
}

/** Runs one command in the reference's spelling to its end, which must be good. */
async function florilegium(...args: string[]): Promise<string> {
  const command = begin(args);
  const status = await command.ended;
  expect(status, `florilegium ${args.join(' ')}\n${command.output()}`).toBe(0);
  return command.output();
}

const readJson = async <Content>(name: string) => JSON.parse(await readFile(join(dir, name), 'utf8')) as Content;
const idsOf = async (name: string) => (await readFile(join(dir, name), 'utf8')).trim().split('\n').map(Number);
const imagesIn = async (folder: string) =>
  (await readdir(join(dir, folder))).flatMap((name) => (/^\d+\./.test(name) ? [Number.parseInt(name, 10)] : []));
const numberOf = { HQ: 0, LQ: 1, NOT_SURE: 2 } as const;
const truthOf = (pageId: number) => truth.get(pageId) ?? 'LQ';

async function rest<Reply>(path: string, body?: object): Promise<Reply> {
  const response = await fetch(new URL(path, stack.gatewayUrl), {
    method: body ? 'POST' : 'GET',
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Reply;
}

async function until<Value>(read: () => Promise<Value>, wanted: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    await sleep(250);
  }
}

/** What the README's reader has on the desk and a server does not yet: the export, the images, the sets. */
async function prepareServer(): Promise<void> {
  const server = ['--server', stack.gatewayUrl];
  await florilegium('import', stack.serviceUrls['simulated-bhl']!, ...server);
  const run = await rest<{ id: string }>('/v1/fetch-runs', { rule: 'illustrated', size: 'medium' });
  const { storedCount } = await until(
    () => rest<{ state: string; storedCount: number }>(`/v1/fetch-runs/${run.id}`),
    ({ state }) => state === 'done',
  );
  const draw = (name: string, body: object) =>
    rest<{ id: string }>('/v1/page-sets', { name, rule: 'illustrated', seed: 1, ...body });
  const heldout = await draw('heldout', { shareMax: 0.2, wholeItems: true });
  const stop = await draw('stop', { shareMax: 0.1, excludePageSetIds: [heldout.id] });
  const train = await draw('train', { shareMax: 0.3, excludePageSetIds: [heldout.id, stop.id] });
  await draw('unlabelled', { countMax: 10_000, excludePageSetIds: [heldout.id, stop.id, train.id] });
  const apart: number[] = [];
  for (const { id } of [heldout, stop])
    apart.push(...(await rest<{ pageIds: number[] }>(`/v1/page-sets/${id}/pages?limit=1000`)).pageIds);
  await writeFile(join(dir, 'apart.txt'), `${apart.join('\n')}\n`);
  await until(
    () => rest<{ embedded: number; pending: number; failed: number }>('/v1/predictions/embeddings'),
    ({ embedded, pending, failed }) => pending === 0 && embedded + failed >= storedCount,
  );
}

/** A person at the keyboard of the page that `label` opens, until every image has its label. */
async function labelByKeys(folder: string, file: string): Promise<number> {
  const command = begin(['label', folder, '--output_file', file]);
  const address = await until(
    async () => /open (http:\/\/\S+)/.exec(command.output())?.[1],
    (found) => found !== undefined,
  );
  const post = async (path: string, body: object) =>
    (await (
      await fetch(new URL(path, address), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).json()) as { pageId: number | null };
  let { pageId } = (await (await fetch(new URL('/state', address))).json()) as { pageId: number | null };
  let given = 0;
  for (; pageId !== null; given++) ({ pageId } = await post('/label', { pageId, label: truthOf(pageId) }));
  await post('/stop', {});
  expect(await command.ended).toBe(0);
  return given;
}

/** A person who takes out of a relabel file what the ensemble got wrong. */
async function keepWhatIsRight(file: string): Promise<void> {
  const relabels = await readJson<[number, number][]>(file);
  const right = relabels.filter(([pageId, label]) => numberOf[truthOf(pageId)] === label);
  await writeFile(join(dir, file), JSON.stringify(right));
}

it(
  "leads from the page file to the third iteration's labels",
  async () => {
    // 1. Downloading all the illustration pages
    await florilegium('extract', 'library/data/page.txt.gz', '--output_file', 'illustrations.txt');
    const source = stack.serviceUrls['simulated-bhl']!;
    const download = ['--size', 'medium', '--source', source, '--output_dir', 'all'];
    await florilegium('download', 'illustrations.txt', ...download, '--max_count', '40');
    await florilegium('download', 'illustrations.txt', ...download, '--start_index', '40');
    const all = await imagesIn('all');
    expect(all.length).toBeGreaterThan(60);

    await prepareServer();

    // 2. Getting an initial train set and an unlabelled set: of what is there, without the pages that measure
    await writeFile(join(dir, 'all.txt'), `${all.join('\n')}\n`);
    await florilegium('sample', 'all.txt', '--count', '30', '--exclude', 'apart.txt', '--output_file', 'train.txt');
    await writeFile(join(dir, 'taken.txt'), [...(await idsOf('apart.txt')), ...(await idsOf('train.txt'))].join('\n'));
    const taken = new Set(await idsOf('taken.txt'));
    const left = all.filter((pageId) => !taken.has(pageId));
    await florilegium(
      ...[
        'sample',
        'all.txt',
        '--count',
        `${left.length}`,
        '--exclude',
        'taken.txt',
        '--output_file',
        'unlabelled.txt',
      ],
    );
    const copy = async (list: string, folder: string) => {
      await writeFile(join(dir, 'copy.json'), JSON.stringify((await idsOf(list)).map((pageId) => [pageId])));
      const images = ['--src_img_dir', 'all', '--dst_img_dir', folder];
      await florilegium('update_images', '--label_update', 'copy.json', ...images);
    };
    await copy('train.txt', 'train');
    await copy('unlabelled.txt', 'unlabelled');
    for (const number of [1, 2, 3]) await mkdir(join(dir, `iteration_${number}`));
    expect(await labelByKeys('train', 'iteration_1/labels.json')).toBe(30);

    // 3. Iteratively improving the classifier
    const server = ['--server', stack.gatewayUrl];
    const members = (folder: string, set: string) => [0, 1, 2, 3, 4].map((at) => `${folder}/${set}_${at}.json`);
    for (const number of [1, 2]) {
      const now = `iteration_${number}`;
      const next = `iteration_${number + 1}`;
      const before = `iteration_${number - 1}`;
      await florilegium(
        ...['train', '--image_dir', 'train', '--labels', `${now}/labels.json`, '--epochs', '100'],
        ...['--output', `${now}/model`, ...server],
        ...(number > 1 ? ['--pretrained_model', `${before}/model`] : []),
      );
      for (const set of ['train', 'unlabelled'])
        await florilegium(
          ...['infer', '--image_dir', set, '--model', `${now}/model`, '--output', `${now}/${set}_{}.json`, ...server],
        );
      const analysis = await florilegium(
        ...['analyze', '--labels', `${now}/labels.json`, '--output_dir', now],
        ...['--train_predictions', ...members(now, 'train')],
        ...['--unlabeled_predictions', ...members(now, 'unlabelled')],
        ...(number > 1 ? ['--previous_predictions', ...members(before, 'unlabelled')] : []),
      );
      expect(analysis).toContain(`${(await imagesIn('unlabelled')).length} unlabelled pages`);
      if (number > 1) expect(analysis).toContain('change of mind since the iteration before');
      await keepWhatIsRight(`${now}/relabels_notsure.json`);
      await keepWhatIsRight(`${now}/relabels_type_c.json`);
      const update = async (input: string, name: string) =>
        await florilegium(
          ...['update_labels', '--input_labels', `${input}/labels.json`],
          ...['--label_update', `${now}/relabels_${name}.json`, '--output_file', `${next}/labels.json`],
        );
      await update(now, 'notsure');
      await update(next, 'type_c');
      for (const name of ['type_c', 'type_b_d'])
        await florilegium(
          ...['update_images', '--label_update', `${now}/relabels_${name}.json`],
          ...['--src_img_dir', 'unlabelled', '--dst_img_dir', 'train'],
        );
      const asked = await readJson<number[][]>(`${now}/relabels_type_b_d.json`);
      expect(asked.length).toBeGreaterThan(0);
      await labelByKeys('train', `${next}/labels.json`);
    }

    const labels = await readJson<Record<string, number>>('iteration_3/labels.json');
    const before = await readJson<Record<string, number>>('iteration_2/labels.json');
    expect(Object.keys(labels).length).toBeGreaterThan(Object.keys(before).length);
    expect(Object.keys(before).length).toBeGreaterThan(30);
    expect(Object.keys(labels).map(Number).sort()).toEqual((await imagesIn('train')).sort());
    for (const [pageId, label] of Object.entries(labels)) expect(label).toBe(numberOf[truthOf(Number(pageId))]);

    // The list that comes of it, beside one made of the same files
    const published = await florilegium('lists', 'publish', '--audit_count', '0', '--threshold', '0.5', ...server);
    expect(published).toMatch(/v1\tpublished\t\d+ pages\tnot audited/);
    await florilegium('lists', 'get', '1', '--output_file', 'hq_illustrations.txt', ...server);
    const listed = await idsOf('hq_illustrations.txt');
    expect(listed.length).toBeGreaterThan(5);
    expect(
      await florilegium('lists', 'import', 'hq_illustrations.txt', '--source', 'the same again', ...server),
    ).toContain('0 of its pages are no candidates');
    expect(await florilegium('lists', 'diff', '1', '2', ...server)).toBe(`${listed.length} kept, 0 dropped, 0 added\n`);
    expect(await florilegium('lists', 'ls', ...server)).toContain('imported: the same again');
  },
  8 * minutes,
);
