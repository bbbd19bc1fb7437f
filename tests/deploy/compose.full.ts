// The compose stack for real: the sample job to its end while every container is restarted, backup and restore, upgrade and rollback.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createMainJob, createProgress, freePort, openJob, parseOptions, type Summary } from '@florilegium/stack';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeStack, curatorKey, missingForCompose, startCompose } from './compose-stack.ts';
import { startLoad } from './load.ts';
import { sampleLibrary } from './tools.ts';

const services = ['catalog', 'fetcher', 'inference', 'curation', 'trainer'];
const images = ['gateway', 'base', ...services].map((name) => `florilegium/${name}:0.1.0`);
/** Built on a substitute where the CUDA image cannot be had: then it shows all but the GPU. */
const gpuImage = 'florilegium/trainer:0.1.0-gpu';
const missing = missingForCompose([...images, 'postgres:15', 'nats:2']);
const run = promisify(execFile);
const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' });

describe.skipIf(missing)(`images${missing ? ` (skipped: no ${missing})` : ''}`, () => {
  it.each([...images, ...(missingForCompose([gpuImage]) ? [] : [gpuImage])])(
    '%s runs as nobody, on a read-only root, without compiler or npm',
    (image) => {
      const [config] = JSON.parse(docker('image', 'inspect', image));
      expect(config.Config.User).toBe('1000:1000');
      expect(config.Config.Healthcheck.Test[0]).toBe('CMD');
      const found = docker(
        'run',
        '--rm',
        '--read-only',
        '--entrypoint',
        'sh',
        image,
        '-c',
        'for tool in cc gcc g++ clang make npm npx python3 curl; do command -v $tool; done; id -u; ! touch /app/x 2>/dev/null && echo read-only; ls -d /app/node_modules/vitest /app/node_modules/typescript /app/node_modules/testcontainers 2>/dev/null; true',
      );
      expect(found.trim().split('\n')).toEqual(['1000', 'read-only']);
      console.log(`${image}: ${(config.Size / 1e6).toFixed(0)} MB`);
    },
  );

  it('says in one line what a service misses, and ends', async () => {
    for (const service of services) {
      const end = await run('docker', ['run', '--rm', `florilegium/${service}:0.1.0`]).catch((error) => error);
      expect(end.code, service).toBe(1);
      expect(end.stderr, service).toMatch(/^[^\n]*DATABASE_URL is missing[^\n]*\n$/);
    }
  });
});

describe.skipIf(missing)(`the compose stack${missing ? ` (skipped: no ${missing})` : ''}`, () => {
  let folder: string;
  let stack: ComposeStack;
  let summary: Summary;
  let failed = false;
  afterEach(({ task }) => {
    failed ||= task.result?.state === 'fail';
  });
  const ask = async <Body>(path: string, init: RequestInit = {}) => {
    const response = await fetch(`${stack.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${stack.operatorKey}`, 'content-type': 'application/json', ...init.headers },
    });
    const text = await response.text();
    expect(response.ok, `${path}: ${response.status} ${text.slice(0, 300)}`).toBe(true);
    return JSON.parse(text) as Body;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'florilegium-compose-'));
    const libraryDir = await sampleLibrary();
    const replicas = Object.fromEntries(
      services.flatMap((name) => [
        [`${name}-api`, 2],
        [`${name}-worker`, 1],
      ]),
    );
    stack = await startCompose({ project: 'florilegium-test', folder, libraryDir, port: await freePort() }, replicas);
    console.log(
      `the stack with two api replicas of each service was healthy after ${(stack.startedMs / 1000).toFixed(1)} s`,
    );
    for (const container of await stack.containers()) {
      const startMs = await stack.startMsOf(container);
      if (startMs !== undefined) console.log(`${container.service} listened after ${(startMs / 1000).toFixed(1)} s`);
    }
  }, 600_000);
  afterAll(async () => {
    if (failed) await writeFile(join(tmpdir(), 'florilegium-compose.log'), await stack.logs());
    await stack?.down();
    await rm(folder, { recursive: true, force: true });
  }, 120_000);

  it('serves the web UI, built in the image, and the documentation', async () => {
    for (const [path, text] of [
      ['/', 'id="app"'],
      ['/docs', '<html'],
    ] as const) {
      const response = await fetch(`${stack.url}${path}`, {
        headers: { authorization: `Bearer ${stack.operatorKey}`, accept: 'text/html' },
      });
      expect(response.status, path).toBe(200);
      expect((await response.text()).toLowerCase(), path).toContain(text);
    }
  });

  it('runs the sample job to its end while every api and worker is restarted under load: nothing fails, nothing is lost', async () => {
    const stopping = new AbortController();
    const dataDir = join(folder, 'job');
    await mkdir(dataDir, { recursive: true });
    const options = { ...parseOptions(['--data', dataDir, '--exit'], folder) };
    const libraryDir = await sampleLibrary();
    const job = createMainJob({
      options,
      job: await openJob(options),
      gatewayUrl: stack.url,
      source: 'http://simulated-bhl:8090',
      libraryDir,
      curatorKey,
      operatorKey: stack.operatorKey,
      progress: createProgress(),
      signal: stopping.signal,
    });
    const done = job.run();
    let ended = false;
    const end = done.then(
      (result) => {
        ended = true;
        return result;
      },
      (error) => {
        ended = true;
        throw error;
      },
    );
    end.catch(() => {});
    // Requests need something to ask for: the import first.
    while (!ended && (await ask<{ pageSets: unknown[] }>('/v1/page-sets')).pageSets.length < 4) await sleep(300);
    const load = await startLoad({ url: stack.url, apiKey: stack.operatorKey });
    let restarts = 0;
    let stopMsMax = 0;
    for (let round = 0; round === 0 || (!ended && round < 3); round++) {
      for (const container of await stack.containers()) {
        if (!/-(api|worker)$/.test(container.service)) continue;
        const { status, stopMs } = await stack.restart(container);
        stopMsMax = Math.max(stopMsMax, stopMs);
        expect(status, `${container.service} ends in order`).toBe(0);
        restarts++;
      }
    }
    const report = await load.stop();
    summary = await end;
    console.log(
      `${restarts} restarts, each ended with status 0, the slowest after ${(stopMsMax / 1000).toFixed(1)} s; ${report.requests} requests, slowest ${(report.slowestMs / 1000).toFixed(1)} s, failed ${report.failures.length}`,
    );
    expect(report.failures).toEqual([]);
    expect(summary).toMatchObject({ ok: true, pages: expect.any(Number), imagesFailed: 0 });
    expect(summary.iterations).toHaveLength(3);
    expect(summary.list.precision).toBeGreaterThan(0.8);
    // Each write of the load was carried out once, and its work and events arrived.
    await load.verify();
    expect(await parkedMessages()).toBe(0);
  }, 900_000);

  it('is backed up, lost and restored: lists, labels and images are the same, and work goes on', async () => {
    const before = await fingerprint();
    const script = (name: string) =>
      run('sh', [`deploy/${name}`, join(folder, 'backup')], {
        env: { ...process.env, COMPOSE: stack.command },
        maxBuffer: 64 << 20,
      });
    console.log((await script('compose-backup.sh')).stdout.trim());
    await stack.down();
    const startedAt = Date.now();
    await script('compose-restore.sh');
    for (const { id } of await stack.containers()) await stack.waitHealthy(id);
    console.log(`restored and healthy after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    expect(await fingerprint()).toEqual(before);
    // The fetcher's own check of its table against the store.
    const fetcher = (await stack.containers()).find(({ service }) => service === 'fetcher-api')!;
    docker('exec', fetcher.id, 'node', 'services/fetcher/src/check-main.ts');
    await expectWorkToGoOn('small');
  }, 600_000);

  it('is upgraded to a version with a new migration and rolled back to this one, which runs on the newer schema', async () => {
    const before = await fingerprint();
    for (const name of ['gateway', 'base', ...services])
      docker('tag', `florilegium/${name}:0.1.0`, `florilegium/${name}:next`);
    // The next version adds a column, which this one does not know.
    const index = await readFile(new URL('../../services/catalog/migrations/index.ts', import.meta.url), 'utf8');
    const migrations = join(folder, 'migrations');
    await mkdir(migrations, { recursive: true });
    const next = '29991231T0000-next';
    await writeFile(
      join(migrations, 'index.ts'),
      `import * as next from './${next}.ts';\n${index.replace(/};\s*$/, `  '${next}': next,\n};\n`)}`,
    );
    await writeFile(
      join(migrations, `${next}.ts`),
      "import { sql } from 'kysely';\nexport const up = async (db) => void (await sql`alter table outbox add column next_version text`.execute(db));\n",
    );
    await writeFile(
      join(migrations, 'Dockerfile'),
      'FROM florilegium/catalog:0.1.0\nCOPY *.ts services/catalog/migrations/\n',
    );
    docker('build', '-q', '-t', 'florilegium/catalog:next', migrations);
    await stack.changeTag('next');
    const sql = 'select count(*) from catalog.kysely_migration where name = $$29991231T0000-next$$';
    const postgres = (await stack.containers()).find(({ service }) => service === 'postgres')!;
    expect(docker('exec', postgres.id, 'psql', '-U', 'postgres', '-d', 'florilegium', '-Atc', sql).trim()).toBe('1');
    expect(await fingerprint()).toEqual(before);
    await stack.changeTag('0.1.0');
    expect(await fingerprint()).toEqual(before);
    await expectWorkToGoOn('thumb');
  }, 600_000);

  /** As the services see the stream of messages that were given up. */
  async function parkedMessages(): Promise<number> {
    const api = (await stack.containers()).find(({ service }) => service === 'curation-api')!;
    const ask = "fetch('http://127.0.0.1:8080/metrics').then((answer) => answer.text()).then(console.log)";
    const metrics = docker('exec', api.id, 'node', '-e', ask);
    const line = /^florilegium_jetstream_stream_messages\{stream="parked"\} (\d+)$/m.exec(metrics);
    expect(line, 'the metric of parked messages').not.toBeNull();
    return Number(line![1]);
  }

  async function fingerprint() {
    const lists = await ask<{ hqLists: { version: number; pagesSha256?: string }[] }>('/v1/hq-lists');
    const { count } = await pagesOf(1);
    const [first] = (await pagesOf(1)).ids;
    const image = await fetch(`${stack.url}/v1/images/${first}?size=medium`, {
      headers: { authorization: `Bearer ${stack.operatorKey}` },
    });
    expect(image.status).toBe(200);
    return {
      lists,
      labels: await ask('/v1/labels/summary'),
      iterations: await ask('/v1/iterations'),
      embeddings: await ask('/v1/predictions/embeddings'),
      count,
      image: createHash('sha256')
        .update(Buffer.from(await image.arrayBuffer()))
        .digest('hex'),
    };
  }

  async function pagesOf(version: number) {
    const { pages } = await ask<{ pages: { pageId: number }[] }>(`/v1/hq-lists/${version}/pages?limit=1000`);
    return { count: pages.length, ids: pages.map(({ pageId }) => pageId) };
  }

  async function expectWorkToGoOn(size: string) {
    const { ids } = await pagesOf(1);
    const started = await ask<{ id: string; state: string }>('/v1/fetch-runs', {
      method: 'POST',
      body: JSON.stringify({ pageIds: ids.slice(0, 5), size }),
    });
    let found = started;
    for (let tries = 0; found.state !== 'done' && tries < 200; tries++) {
      await sleep(300);
      found = await ask(`/v1/fetch-runs/${started.id}`);
    }
    expect(found).toMatchObject({ state: 'done', storedCount: 5 });
  }
});
