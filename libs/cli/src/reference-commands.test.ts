import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../bin/florilegium.mjs', import.meta.url));
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'florilegium-reference-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function florilegium(...args: string[]): { status: number | null; output: string; warnings: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, output: status === 0 ? stdout : stdout + stderr, warnings: stderr };
}

const write = (name: string, content: unknown) =>
  writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
const read = (name: string) => readFileSync(join(dir, name), 'utf8');
const readJson = (name: string) => JSON.parse(read(name));

describe('update-labels', () => {
  it('adds and overwrites labels as the script does, in its spelling, and tells which', () => {
    write('labels.json', { 11: 0, 12: 1, 13: 2 });
    // The notebook writes ids as text, other programs as numbers.
    write('relabels_notsure.json', [
      ['13', 0],
      [12, 0],
      [14, 1],
    ]);
    const args = [
      '--input_labels',
      'labels.json',
      '--label_update',
      'relabels_notsure.json',
      '--output_file',
      'next.json',
    ];
    const { status, output } = florilegium('update_labels', ...args);
    expect([status, output]).toEqual([
      0,
      'Original label count: 3\nNew label count: 4\nOverwrite count: 2\n  13 NOT_SURE → HQ\n  12 LQ → HQ\n',
    ]);
    expect(readJson('next.json')).toEqual({ 11: 0, 12: 0, 13: 0, 14: 1 });
    // A file may be updated in its place.
    write('relabels_type_c.json', [[15, 1]]);
    expect(
      florilegium(
        'update-labels',
        '--input-labels',
        'next.json',
        '--label-update',
        'relabels_type_c.json',
        '-o',
        'next.json',
      ).status,
    ).toBe(0);
    expect(Object.keys(readJson('next.json'))).toHaveLength(5);
  });

  it('reads files in which 0 is LQ', () => {
    write('labels.json', { 11: 0 });
    write('update.json', [[11, 1]]);
    const { output } = florilegium(
      'update-labels',
      '--zero',
      'LQ',
      '--input-labels',
      'labels.json',
      '--label-update',
      'update.json',
      '-o',
      'out.json',
    );
    expect(output).toContain('11 LQ → HQ');
    expect(readJson('out.json')).toEqual({ 11: 1 });
  });

  it('names file and line of what is wrong, and leaves the output as it was', () => {
    write('labels.json', '{"11": 0,\n "12": -1,\n "x": 1}');
    write('update.json', '[[11, 0],\n [12, 7],\n [13]]');
    write('out.json', 'before');
    const run = (...args: string[]) => florilegium('update-labels', '--output-file', 'out.json', ...args);
    const labels = run('--input-labels', 'labels.json', '--label-update', 'good.json');
    expect(labels).toMatchObject({ status: 1, output: expect.stringContaining('good.json') });
    write('good.json', [[1, 1]]);
    expect(run('--input-labels', 'labels.json', '--label-update', 'good.json').output).toMatch(
      /labels\.json: line 2: "12": the value is not 0, 1 or 2: -1\n.*labels\.json: line 3: "x": the key is not a PageID/,
    );
    expect(run('--input-labels', 'good-labels.json', '--label-update', 'update.json').output).toContain(
      'update.json: line 2: the label of 12 is not 0, 1 or 2: 7',
    );
    write('unlabelled.json', '[[11, 0],\n [13]]');
    expect(run('--input-labels', 'labels.json', '--label-update', 'unlabelled.json').output).toContain(
      'unlabelled.json: line 2: 13 has no label',
    );
    write('broken.json', '[[11, 0],\n [12');
    expect(run('--input-labels', 'labels.json', '--label-update', 'broken.json').output).toContain(
      'broken.json: line 2: not JSON',
    );
    expect(read('out.json')).toBe('before');
  });
});

describe('update-images', () => {
  it('copies images whatever their real format, and names those that are missing', () => {
    mkdirSync(join(dir, 'unlabelled'));
    for (const name of ['21.jpeg', '22.webp', '23.png', 'notes.txt']) write(`unlabelled/${name}`, name);
    write('relabels_type_b_d.json', [[21], [22]]);
    const args = ['--src_img_dir', 'unlabelled', '--dst_img_dir', 'train/images'];
    const { status, output } = florilegium('update_images', '--label_update', 'relabels_type_b_d.json', ...args);
    expect([status, output]).toEqual([0, 'Copied over 2 images.\n']);
    expect(readdirSync(join(dir, 'train/images')).sort()).toEqual(['21.jpeg', '22.webp']);
    expect(read('train/images/22.webp')).toBe('22.webp');
    write('relabels_type_c.json', [
      [23, 0],
      [29, 1],
    ]);
    const missing = florilegium('update-images', '--label-update', 'relabels_type_c.json', ...args);
    expect(missing.status).toBe(1);
    expect(missing.output).toContain('Copied over 1 images.\n29: unlabelled holds no image of it');
  });
});

/** Logits of P(HQ), HQ being 0. */
const logits = (probability: number) => [Math.log(probability), Math.log(1 - probability)];
const predictionsOf = (probabilities: Record<number, number>) =>
  Object.fromEntries(Object.entries(probabilities).map(([id, probability]) => [id, logits(probability)]));

describe('analyze', () => {
  it('sorts predictions as the notebook does and writes the three relabel files', () => {
    // 1 sure and of one mind, 2 of one mind and unsure, 3 a dissenter though sure, 4 dissent and unsure.
    const members = [
      { 1: 0.99, 2: 0.6, 3: 0.999, 4: 0.4 },
      { 1: 0.98, 2: 0.55, 3: 0.999, 4: 0.6 },
      { 1: 0.99, 2: 0.6, 3: 0.49, 4: 0.55 },
    ];
    const train = [
      { 31: 0.99, 32: 0.2, 33: 0.55, 34: 0.99, 35: 0.01 },
      { 31: 0.99, 32: 0.9, 33: 0.6, 34: 0.99, 35: 0.01 },
      { 31: 0.99, 32: 0.9, 33: 0.6, 34: 0.49, 35: 0.01 },
    ];
    for (const [at, member] of members.entries()) write(`unlabelled_${at}.json`, predictionsOf(member));
    for (const [at, member] of train.entries()) write(`train_${at}.json`, predictionsOf(member));
    write('previous_0.json', predictionsOf({ 1: 0.9, 2: 0.4, 3: 0.9, 4: 0.4 }));
    write('labels.json', { 31: 2, 32: 0, 33: 0, 34: 2, 35: 1 });
    const { status, output, warnings } = florilegium(
      'analyze',
      '--labels',
      'labels.json',
      '--train_predictions',
      'train_0.json',
      'train_1.json',
      'train_2.json',
      '--unlabeled_predictions',
      'unlabelled_0.json',
      'unlabelled_1.json',
      'unlabelled_2.json',
      '--previous_predictions',
      'previous_0.json',
      '--entropy_threshold',
      '0.5',
      '--output_dir',
      'iteration_1',
    );
    expect(status).toBe(0);
    expect(output).toContain('4 unlabelled pages: A 1, B 1, C 1, D 1');
    expect(warnings).toContain('members that trained on a label hardly contradict it');
    // Those with dissent come first.
    expect(output).toContain('NOTSURE 2: 34 31');
    expect(output).toContain('MISPREDICTION 1: 32');
    expect(output).toContain('UNCERTAIN 1: 33');
    expect(output).toContain('change of mind since the iteration before: ensemble 0.5000, members 0.2500');
    expect(readJson('iteration_1/relabels_type_c.json')).toEqual([[3, 0]]);
    expect(readJson('iteration_1/relabels_type_b_d.json')).toEqual([[2], [4]]);
    expect(readJson('iteration_1/relabels_notsure.json')).toEqual([
      [34, 0],
      [31, 0],
    ]);
  });

  it('refuses members that predict other pages, and predictions that are none, by file and line', () => {
    write('a.json', predictionsOf({ 1: 0.5, 2: 0.5 }));
    write('b.json', predictionsOf({ 1: 0.5 }));
    write('c.json', '{"1": [0.5, 0.5],\n"2": [1]}');
    const run = (...files: string[]) =>
      florilegium('analyze', '--output-dir', 'out', '--unlabeled-predictions', ...files);
    expect(run('a.json', 'b.json').output).toContain('b.json has 1 predictions, a.json has 2');
    expect(run('c.json')).toMatchObject({
      status: 1,
      output: expect.stringContaining('c.json: line 2: the prediction of 2 is not [logit, logit]'),
    });
  });
});

describe('train and infer', () => {
  it('ask no server for what a look at the files refuses', () => {
    mkdirSync(join(dir, 'train'));
    write('train/1.jpeg', 'picture');
    write('labels.json', { 1: 0, 2: 1 });
    const nowhere = ['--server', 'http://127.0.0.1:9'];
    const train = (...args: string[]) =>
      florilegium('train', '--labels', 'labels.json', '--output', 'model', ...args, ...nowhere);
    expect(train('--image_dir', 'train')).toMatchObject({
      status: 1,
      output: expect.stringContaining('train has no image of 1 pages that labels.json labels: 2'),
    });
    write('weights', 'a PyTorch state');
    expect(train('--pretrained_model', 'weights').output).toContain('weights is no model that florilegium train wrote');
    expect(train().output).toContain('http://127.0.0.1:9 cannot be reached');
    write('model', { florilegium: 'ensemble', iteration: 1, ensembleId: 'x', memberCount: 5, predictionRuns: {} });
    const infer = (...args: string[]) => florilegium('infer', '--model', 'model', ...args, ...nowhere);
    expect(infer('--output', 'out.json', '--member', '5').output).toContain('model has members 0 to 4');
    expect(infer('--output', 'out_{}.json', '--member', '1').output).toContain('exclude each other');
    expect(infer('--output', 'out.json', '--output_dir', 'sorted').output).toContain('needs --image-dir');
  });
});

describe('lists', () => {
  it('makes a list of prediction files, labels first, and compares it with another', () => {
    write('a.json', predictionsOf({ 1: 0.9, 2: 0.8, 3: 0.9, 10: 0.4 }));
    write('b.json', predictionsOf({ 1: 0.9, 2: 0.1, 3: 0.9, 10: 0.4 }));
    write('labels.json', { 3: 1, 10: 0 });
    const published = florilegium(
      'lists',
      'publish',
      '--predictions',
      'a.json',
      'b.json',
      '--labels',
      'labels.json',
      '--output_file',
      'hq.txt',
    );
    expect(published).toEqual({ status: 0, output: '2 of 4 pages written to hq.txt; not audited\n' });
    expect(read('hq.txt')).toBe('1\n10\n');
    write('other.txt', '10\n7\n7\n');
    expect(florilegium('lists', 'diff', 'hq.txt', 'other.txt')).toEqual({ status: 0, output: '-1\n+7\n' });
    expect(florilegium('lists', 'get', 'other.txt').output).toBe('7\n10\n');
    write('bad.txt', '10\n<html>');
    expect(florilegium('lists', 'diff', 'hq.txt', 'bad.txt').output).toContain('bad.txt: line 2 is not a PageID');
  });
});

describe('label', () => {
  async function startLabelling(...args: string[]) {
    const child = spawn(process.execPath, [bin, 'label', 'images', '--output_file', 'labels.json', ...args], {
      cwd: dir,
    });
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    while (!output.includes('open http')) {
      if (child.exitCode !== null) throw new Error(output);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const address = /open (http:\/\/\S+)/.exec(output)![1]!;
    const post = async (path: string, body: object = {}, headers: Record<string, string> = {}) => {
      const response = await fetch(new URL(path, address), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: response.ok ? await response.json() : undefined };
    };
    return { address, post, ended, output: () => output };
  }

  it('asks for each image without a label, keeps every answer at once, undoes, and goes on where it stopped', async () => {
    mkdirSync(join(dir, 'images'));
    for (const name of ['5.jpeg', '6.webp', '40.png', '41.jpg', 'readme.md'])
      write(`images/${name}`, `picture ${name}`);
    write('labels.json', { 6: 1, 99: 0 });
    const first = await startLabelling();
    const { address, post } = first;
    expect(await (await fetch(address)).text()).toContain('NOT SURE');
    expect(await (await fetch(new URL('/state', address))).json()).toMatchObject({ pageId: 5, done: 0, total: 3 });
    const image = await fetch(new URL('/images/40', address));
    expect([image.headers.get('content-type'), await image.text()]).toEqual(['image/png', 'picture 40.png']);
    expect((await post('/label', { pageId: 5, label: 'HQ' })).body).toMatchObject({ pageId: 40, done: 1 });
    expect(readJson('labels.json')).toEqual({ 5: 0, 6: 1, 99: 0 });
    // A key pressed in a second window that still shows page 5 labels nothing.
    expect((await post('/label', { pageId: 5, label: 'LQ' })).body).toMatchObject({ pageId: 40, done: 1 });
    await post('/label', { pageId: 40, label: 'NOT_SURE' });
    expect((await post('/undo')).body).toMatchObject({ pageId: 40, done: 1 });
    expect(readJson('labels.json')).toEqual({ 5: 0, 6: 1, 99: 0 });
    expect((await post('/label', { pageId: 40, label: 'x' })).status).toBe(400);
    await post('/label', { pageId: 40, label: 'NOT_SURE' });
    await post('/stop');
    expect(await first.ended).toBe(0);
    expect(first.output()).toContain('2 labels given, 1 images left');

    const second = await startLabelling('--relabel_dontcare');
    expect(await (await fetch(new URL('/state', second.address))).json()).toMatchObject({ pageId: 40, total: 2 });
    await second.post('/label', { pageId: 40, label: 'LQ' });
    await second.post('/label', { pageId: 41, label: 'HQ' });
    await second.post('/stop');
    await second.ended;
    expect(readJson('labels.json')).toEqual({ 5: 0, 6: 1, 40: 1, 41: 0, 99: 0 });
  });

  it('answers this machine alone: no other name, no form of another site', async () => {
    mkdirSync(join(dir, 'images'));
    write('images/5.jpeg', 'picture');
    const labelling = await startLabelling();
    expect((await labelling.post('/label', { pageId: 5, label: 'HQ' }, { 'content-type': 'text/plain' })).status).toBe(
      415,
    );
    const { request } = await import('node:http');
    const status = await new Promise((resolve) => {
      request(new URL('/state', labelling.address), { headers: { host: 'evil.example' } }, (answer) =>
        resolve(answer.statusCode),
      ).end();
    });
    expect(status).toBe(403);
    await labelling.post('/stop');
    await labelling.ended;
  });
});
