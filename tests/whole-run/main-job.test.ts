// `npm start` from an export to a downloaded list, on real services: undisturbed but for one killed service, torn away by SIGKILL and resumed,
// and refused where it cannot work.
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { drawSampleLibrary } from '@florilegium/simulated';
import { freePort } from '@florilegium/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, type JobProcess, pidsOf, runJob, type Summary, startJob } from './job-process.ts';

const run = promisify(execFile);
const example = (name: string) => fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
const minutes = 60_000;

let dir: string;
let library: string;
const started: JobProcess[] = [];
const start = (...args: Parameters<typeof startJob>) => {
  const job = startJob(...args);
  started.push(job);
  return job;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'florilegium-run-'));
  // Else PostgreSQL's own user cannot enter, its files go elsewhere, and would stay there.
  await chmod(dir, 0o755);
  library = join(dir, 'library');
  await drawSampleLibrary({ dir: library, seed: 3, booksMax: 10, pagesPerBookMax: 24 });
}, 3 * minutes);

afterAll(async () => {
  for (const job of started) if (job.child.exitCode === null && job.child.signalCode === null) job.killGroup();
  await Promise.all(started.map((job) => job.ended));
  await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
});

async function allGone(pids: readonly number[]): Promise<boolean> {
  for (let wait = 0; wait < 300; wait++) {
    if (!pids.some(isAlive)) return true;
    await sleep(100);
  }
  return false;
}

const jobArgs = (data: string, port: number) => [
  '--library',
  library,
  '--data',
  join(dir, data),
  '--port',
  `${port}`,
  '--budget',
  '160',
  '--seed',
  '2',
];

/** What the job says when a step begins, and when it has ended. */
const begun = (step: string) => new RegExp(`^${step} +…$`, 'm');
const ended = (step: string) => new RegExp(`^${step} .*, [\\d.]+ s$`, 'm');

describe('the main job', () => {
  let undisturbed: Summary;

  it(
    'goes from an export to an audited, downloaded list, though a service is killed on the way, and serves other programs',
    async () => {
      const data = join(dir, 'first');
      const port = await freePort();
      const base = `http://127.0.0.1:${port}`;
      const job = start(jobArgs('first', port));
      await job.said(begun('iteration 1'));
      await sleep(500);
      const before = await pidsOf(data);
      process.kill(before.trainer!, 'SIGKILL');
      await job.said('Ctrl-C ends it');
      const after = await pidsOf(data);
      expect(after.trainer).not.toBe(before.trainer);

      undisturbed = (JSON.parse(await readFile(join(data, 'job.json'), 'utf8')) as { summary: Summary }).summary;
      expect(undisturbed).toMatchObject({ ok: true, backbone: 'classic', imagesFailed: 0 });
      expect(undisturbed.images).toBe(undisturbed.candidates);
      expect(undisturbed.candidates).toBeLessThan(undisturbed.pages);
      expect(undisturbed.labels).toBeLessThanOrEqual(160);
      expect(undisturbed.iterations.map(({ n }) => n)).toEqual([1, 2, 3]);
      const sizes = undisturbed.iterations.map(({ labels }) => labels);
      expect(sizes).toEqual(sizes.toSorted((one, other) => one - other));
      expect(sizes[2]).toBeGreaterThan(sizes[0]!);
      for (const iteration of undisturbed.iterations) {
        // Far above chance, on books that nobody labelled; how good it can be is what tests/evaluate measures.
        expect(iteration.heldoutAuc).toBeGreaterThan(0.7);
        expect(iteration.entropy).toBeGreaterThan(0);
      }
      const { list } = undisturbed;
      expect(list.precisionLow).toBeLessThanOrEqual(list.precision);
      expect(list.precisionHigh).toBeGreaterThanOrEqual(list.precision);

      const files = await readdir(join(data, 'hq-images-v1'));
      expect(files.length).toBe(list.pages);
      const image = await readFile(join(data, 'hq-images-v1', files[0]!));
      expect(files[0]).toMatch(/^\d+\.webp$/);
      expect(image.subarray(8, 12).toString()).toBe('WEBP');

      const text = await (await fetch(`${base}/v1/hq-lists/1/pages.txt`)).text();
      expect(text.trim().split('\n').map(Number).toSorted()).toEqual(
        files.map((name) => Number(name.split('.')[0])).toSorted(),
      );
      for (const service of ['catalog', 'fetcher', 'inference', 'curation', 'trainer']) {
        const document = (await (await fetch(`${base}/v1/openapi/${service}.json`)).json()) as {
          openapi: string;
          paths: object;
        };
        expect(document.openapi).toBe('3.1.0');
        expect(Object.keys(document.paths).length).toBeGreaterThan(2);
      }
      expect((await fetch(`${base}/docs`)).status).toBe(200);
      expect(await (await fetch(`${base}/`)).text()).toContain('Florilegium');

      const ports = JSON.parse(await readFile(join(data, 'ports.json'), 'utf8')) as Record<string, number>;
      const grpc = await run(process.execPath, [
        example('train-and-list.ts'),
        '--trainer',
        `127.0.0.1:${ports['trainer-grpc']}`,
        '--curation',
        `127.0.0.1:${ports['curation-grpc']}`,
      ]);
      expect(grpc.stdout).toContain('RUN_STATE_DONE');
      expect(grpc.stdout).toContain(`HQ list v1: ${list.pages} pages`);
      const curl = await run('bash', [example('train-and-list.sh'), base]);
      expect(curl.stdout).toContain('5/5 members');
      expect(curl.stdout).toContain(`HQ list v1: ${list.pages} pages`);

      job.child.kill('SIGINT');
      expect((await job.ended).code).toBe(130);
      expect(await allGone(Object.values(after))).toBe(true);
    },
    8 * minutes,
  );

  it(
    'prints the summary again on finished data, and refuses another job there',
    async () => {
      const port = await freePort();
      expect(await runJob(jobArgs('first', port))).toEqual(undisturbed);
      const other = start([...jobArgs('first', port).slice(0, -1), '7', '--exit']);
      expect((await other.ended).code).toBe(1);
      expect(other.output()).toMatch(/^florilegium: .*--seed 2; this is --seed 7.*\n$/);
    },
    2 * minutes,
  );

  it(
    'ends as an undisturbed run when everything is killed at once, again and again, and started again',
    async () => {
      const port = await freePort();
      const data = join(dir, 'torn');
      for (const [step, afterMs] of [
        ['import', 100],
        ['embed images', 1000],
        ['iteration 1', 500],
        ['publish the HQ list', 100],
      ] as const) {
        const job = start(jobArgs('torn', port));
        await job.said(begun(step));
        await sleep(afterMs);
        // In the middle of the work, not between two steps.
        expect(job.output()).not.toMatch(ended(step));
        const pids = Object.values(await pidsOf(data));
        job.killGroup();
        await job.ended;
        // Nothing outlives the one that started it, though only the group of that one was killed.
        expect(await allGone(pids)).toBe(true);
      }
      const summary = await runJob(jobArgs('torn', port));
      const counts = ({ pages, candidates, images, imagesFailed, labels, iterations, list }: Summary) => ({
        pages,
        candidates,
        images,
        imagesFailed,
        labels,
        labelSets: iterations.map((iteration) => iteration.labels),
        listed: list.pages,
      });
      expect(counts(summary)).toEqual(counts(undisturbed));
    },
    10 * minutes,
  );
});

describe('what cannot work is told in one line', () => {
  const refused = async (args: string[], message: RegExp) => {
    const job = start([...args, '--exit']);
    const { code } = await job.ended;
    expect(code).toBe(1);
    const last = job.output().trim().split('\n').at(-1)!;
    expect(last).toMatch(message);
    return job;
  };

  it('a missing library', async () => {
    const job = await refused(
      ['--library', join(dir, 'nowhere')],
      /^florilegium: .*nowhere is no library in BHL's layout: it has no data\/page\.txt\.gz$/,
    );
    expect(job.output().trim().split('\n')).toHaveLength(1);
  });

  it('a port in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await refused(jobArgs('port', port), new RegExp(`^florilegium: .*${port}`));
    server.close();
  });

  it(
    'a corrupt export',
    async () => {
      const corrupt = join(dir, 'corrupt');
      await drawSampleLibrary({ dir: corrupt, seed: 3, booksMax: 1, pagesPerBookMax: 4 });
      const path = join(corrupt, 'data', 'page.txt.gz');
      const whole = await readFile(path);
      await writeFile(path, whole.subarray(0, Math.floor(whole.length / 2)));
      const args = ['--library', corrupt, '--data', join(dir, 'corrupt-data'), '--port', `${await freePort()}`];
      await refused(args, /^florilegium: .*page\.txt\.gz/);
      expect(await readdir(join(dir, 'corrupt-data'))).not.toContain('processes.json');
    },
    2 * minutes,
  );
});
