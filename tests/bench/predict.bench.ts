import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createAuthenticator } from '@florilegium/auth';
import { CatalogServiceDefinition, type CatalogServiceImplementation, PageRef } from '@florilegium/contracts/catalog';
import { createTestDatabase, openDb } from '@florilegium/db';
import { packEnsemble, readProbeParameters } from '@florilegium/ensemble';
import { silentLog } from '@florilegium/log';
import { openObjectStore } from '@florilegium/object-store';
import { randomFrom } from '@florilegium/random';
import { startRpcServer } from '@florilegium/rpc';
import { freePort, startNats, startPostgres } from '@florilegium/stack';
import { embeddingShards } from '../../services/inference/src/clients/embedding-shards.client.ts';
import { chooseBackbone } from '../../services/inference/src/embedding/choose-backbone.ts';
import { tryOutBackbone } from '../../services/inference/src/embedding/embedder.ts';
import type { EmbeddingRecipe } from '../../services/inference/src/embedding/embedding-recipe.ts';
import { copyPredictions } from '../../services/inference/src/repos/predictions.repo.ts';
import type { Schema } from '../../services/inference/src/schema.ts';
import { type MeasuredProcess, startMeasured } from './measured-process.ts';

export const describe =
  'a prediction run over synthetic embeddings against reading the shards in order and COPY of the same rows; similar [--pages 280000] [--backbone auto]';

const limits = { ratio: 0.5, memoryGrowth: 1.25 };
const root = fileURLToPath(new URL('../..', import.meta.url));
const mebibyte = 2 ** 20;
const rowsPerShard = 500;
const firstPageId = 1000;
// One a run: a question that was answered is not asked again.
const ensembleIds = ['0192d3a0-0000-7000-8000-000000000001', '0192d3a0-0000-7000-8000-000000000002'] as const;

/** The real service as a process, on embeddings that the bench has put into its database and object store. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { pages: { type: 'string', default: '280000' }, backbone: { type: 'string', default: 'auto' } },
  });
  const pageCount = Number(values.pages);
  if (!Number.isInteger(pageCount) || pageCount < 10 * rowsPerShard) throw new Error('--pages wants 5000 or more');
  const folder = await mkdtemp(join(tmpdir(), 'florilegium-bench-'));
  const stops: (() => Promise<unknown> | unknown)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    // PostgreSQL may run as another user, who must be able to pass through.
    await chmod(folder, 0o711);
    const log = (line: string) => console.error(line);
    const logFile = (name: string) => join(folder, `${name}.log`);
    const postgres = await startPostgres({
      folder: join(folder, 'postgres'),
      password: 'bench',
      logFile: logFile('postgres'),
      log,
    });
    stops.push(postgres.stop);
    const nats = await startNats({ folder: join(folder, 'nats'), logFile: logFile('nats'), log });
    stops.push(nats.stop);
    const database = await createTestDatabase(postgres.adminUrl);
    const catalog = await startCatalog(pageCount);
    stops.push(() => catalog.stop());
    const { recipe } = await chooseBackbone({
      wish: values.backbone,
      recorded: undefined,
      folders: (process.env.FLORILEGIUM_MODELS ?? '').split(':').filter(Boolean),
      cacheFolder: join(process.env.FLORILEGIUM_CACHE ?? join(homedir(), '.cache', 'florilegium'), 'models'),
      offline: process.env.FLORILEGIUM_OFFLINE === '1',
      log: silentLog,
      tryOut: tryOutBackbone,
    });
    const port = await freePort();
    const objectsUrl = pathToFileURL(join(folder, 'objects')).href;
    const service = startMeasured(process.execPath, [join(root, 'services/inference/src/main.ts')], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...{ PATH: process.env.PATH, HOME: process.env.HOME, ROLE: 'all', AUTH: 'off', LOG_LEVEL: 'error' },
        ...{ HTTP_PORT: String(port), GRPC_PORT: String(await freePort()), BACKBONE: values.backbone },
        ...{
          DATABASE_URL: database.url,
          NATS_URL: nats.url,
          NATS_NAMESPACE: `bench-${port}`,
          OBJECT_STORE: objectsUrl,
        },
        ...{ CATALOG_GRPC: `127.0.0.1:${catalog.port}`, FETCHER_GRPC: '127.0.0.1:1' },
        PREDICTION_PAGES_PER_BATCH: process.env.PREDICTION_PAGES_PER_BATCH,
        PREDICTION_BATCHES_IN_FLIGHT_MAX: process.env.PREDICTION_BATCHES_IN_FLIGHT_MAX,
        FLORILEGIUM_MODELS: process.env.FLORILEGIUM_MODELS,
        FLORILEGIUM_CACHE: process.env.FLORILEGIUM_CACHE,
        FLORILEGIUM_OFFLINE: process.env.FLORILEGIUM_OFFLINE,
      },
    });
    stops.push(async () => {
      service.child.kill('SIGTERM');
      await service.ended.catch(() => {});
    });
    const base = `http://127.0.0.1:${port}`;
    await waitUntilReady(base);
    const db = openDb<Schema>({ url: database.url, schema: 'inference' });
    stops.push(() => db.close());
    const objects = await openObjectStore(objectsUrl);
    console.log(`${pageCount} pages, ${recipe.dimensions} dimensions (${recipe.name}), five heads`);
    const keys = await putEmbeddings(db, embeddingShards(objects), recipe, pageCount);
    for (const ensembleId of ensembleIds) await putEnsemble(db, objects, recipe, ensembleId);

    // In turn, and of both the better: the disk and the other tenants of the machine swing by a third.
    const rounds: { limit: Limit; ours: Ours }[] = [];
    for (const ensembleId of ensembleIds)
      rounds.push({
        limit: await limitSeconds(db, join(folder, 'objects'), keys, pageCount),
        ours: await predictAll(base, service, ensembleId, pageCount),
      });
    const similar = [await similarSeconds(base), await similarSeconds(base)];
    return report(pageCount, rounds, similar);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

interface Limit {
  read: number;
  copy: number;
}
interface Ours {
  /** From the request to the end, and of it the listing of the pages. */
  seconds: number;
  selecting: number;
  /** Resident memory when a tenth of the pages was predicted, and its peak. */
  earlyMiB: number | undefined;
  peakMiB: number | undefined;
}

function report(pageCount: number, rounds: readonly { limit: Limit; ours: Ours }[], similar: readonly number[]) {
  for (const { limit, ours } of rounds) {
    console.log(`  shards read in order ${limit.read.toFixed(2)} s, COPY of the rows ${limit.copy.toFixed(2)} s`);
    console.log(
      `  the run ${ours.seconds.toFixed(2)} s (of it ${ours.selecting.toFixed(2)} s to list the pages): ${Math.round(pageCount / ours.seconds)} pages/s`,
    );
  }
  console.log(`  similar, exact over all pages: ${similar.map((seconds) => seconds.toFixed(2)).join(' s, then ')} s`);
  const least = Math.min(...rounds.map(({ limit }) => limit.read)) + Math.min(...rounds.map(({ limit }) => limit.copy));
  const ratio = least / Math.min(...rounds.map(({ ours }) => ours.seconds));
  const { earlyMiB } = rounds[0]!.ours;
  const { peakMiB } = rounds.at(-1)!.ours;
  const growth = peakMiB !== undefined && earlyMiB !== undefined ? peakMiB / earlyMiB : undefined;
  const verdict = (isKept: boolean) => (isKept ? 'kept' : 'MISSED');
  console.log(`  share of the limit: ${ratio.toFixed(2)}, at least ${limits.ratio}: ${verdict(ratio >= limits.ratio)}`);
  const flat = growth === undefined || growth <= limits.memoryGrowth;
  console.log(
    `  peak memory ${peakMiB?.toFixed(0) ?? 'unknown'} MiB, ${growth?.toFixed(2) ?? 'unknown'} times that at a tenth of the first run's pages, at most ${limits.memoryGrowth}: ${verdict(flat)}`,
  );
  return ratio >= limits.ratio && flat ? 0 : 1;
}

async function predictAll(
  base: string,
  service: MeasuredProcess,
  ensembleId: string,
  pageCount: number,
): Promise<Ours> {
  const startedAt = performance.now();
  const since = () => (performance.now() - startedAt) / 1000;
  const posted = await fetch(`${base}/v1/prediction-runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ensembleId, rule: 'illustrated' }),
  });
  if (!posted.ok) throw new Error(await posted.text());
  const { id } = (await posted.json()) as { id: string };
  let selecting = 0;
  let earlyBytes: number | undefined;
  for (;;) {
    const run = (await (await fetch(`${base}/v1/prediction-runs/${id}`)).json()) as {
      state: string;
      reason: string | null;
      totalCount: number;
      doneCount: number;
      predictedCount: number;
    };
    if (selecting === 0 && run.totalCount > 0) selecting = since();
    if (earlyBytes === undefined && run.doneCount >= pageCount / 10) earlyBytes = service.peakBytes();
    if (run.state === 'done') {
      if (run.predictedCount !== pageCount)
        throw new Error(`${run.predictedCount} of ${pageCount} pages were predicted`);
      const inMiB = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / mebibyte);
      return { seconds: since(), selecting, earlyMiB: inMiB(earlyBytes), peakMiB: inMiB(service.peakBytes()) };
    }
    if (run.state === 'failed' || run.state === 'cancelled') throw new Error(`the run ${run.state}: ${run.reason}`);
    await pause(25);
  }
}

/** What cannot be saved: every byte of every shard comes from the disk, every row goes into a table of the same form. */
async function limitSeconds(db: Db, folder: string, keys: readonly string[], pageCount: number): Promise<Limit> {
  const readAt = performance.now();
  for (const key of keys) for await (const _ of createReadStream(join(folder, key), { highWaterMark: mebibyte }));
  const read = (performance.now() - readAt) / 1000;
  const members = [0.11, 0.52, 0.93, 0.34, 0.75];
  const copyAt = performance.now();
  await db.inTransaction(async (tx) => {
    const part = 2000;
    for (let from = 0; from < pageCount; from += part) {
      const count = Math.min(part, pageCount - from);
      await copyPredictions(tx, 1_000_000, {
        pageIds: Int32Array.from({ length: count }, (_, at) => firstPageId + from + at),
        memberCount: members.length,
        members: Float32Array.from({ length: count * members.length }, (_, at) => members[at % members.length]!),
      });
    }
  });
  const copy = (performance.now() - copyAt) / 1000;
  await db.pool.query('delete from prediction where run_number = 1000000');
  await db.pool.query('vacuum prediction');
  return { read, copy };
}

async function similarSeconds(base: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${base}/v1/similar?pageId=${firstPageId + 17}&limit=20`);
  if (!response.ok) throw new Error(await response.text());
  await response.json();
  return (performance.now() - startedAt) / 1000;
}

type Db = ReturnType<typeof openDb<Schema>>;

/** Shards as an embedding batch leaves them, and where each page lies. Returns their keys. */
async function putEmbeddings(
  db: Db,
  shards: ReturnType<typeof embeddingShards>,
  recipe: EmbeddingRecipe,
  pageCount: number,
): Promise<string[]> {
  const { rows: found } = await db.pool.query('select id from backbone where sha256 = $1', [recipe.sha256]);
  const backboneId = found[0].id;
  const random = randomFrom(1);
  // Rows are slices of one long stretch of noise: drawing 400 million numbers would take longer than the bench.
  const noise = Float32Array.from({ length: recipe.dimensions * 64 }, () => random.next() * 2);
  const keys: string[] = [];
  for (let from = 0; from < pageCount; from += rowsPerShard) {
    const count = Math.min(rowsPerShard, pageCount - from);
    const pages = Array.from({ length: count }, (_, at) => {
      const start = random.below(noise.length - recipe.dimensions);
      const imageSha256 = randomBytes(32).toString('hex');
      return {
        pageId: firstPageId + from + at,
        imageSha256,
        values: noise.subarray(start, start + recipe.dimensions),
      };
    });
    const { key, bytes } = await shards.put(recipe, pages);
    keys.push(key);
    await db.pool.query(
      `with placed as (insert into shard (backbone_id, key, row_count, bytes) values ($1, $2, $3, $4) returning id)
       insert into embedding (backbone_id, page_id, image_sha256, state, shard_id, row)
       select $1, p.page_id, p.sha256, 'embedded', placed.id, p.ordinality - 1
       from placed, unnest($5::int[], $6::text[]) with ordinality as p (page_id, sha256, ordinality)`,
      [backboneId, key, count, bytes, pages.map(({ pageId }) => pageId), pages.map(({ imageSha256 }) => imageSha256)],
    );
  }
  await db.pool.query('vacuum analyze');
  return keys;
}

async function putEnsemble(
  db: Db,
  objects: Awaited<ReturnType<typeof openObjectStore>>,
  recipe: EmbeddingRecipe,
  ensembleId: string,
) {
  const random = randomFrom(2);
  const heads = Array.from({ length: 5 }, () => ({
    weights: Float32Array.from({ length: recipe.dimensions }, () => (random.next() - 0.5) / 10),
    bias: 0,
    loss: 0,
    epochs: 1,
    converged: true,
    warmStarted: false,
  }));
  const { manifest, weights } = packEnsemble(
    {
      ensembleId,
      trainingId: ensembleId,
      labelSetId: ensembleId,
      labelSetSha256: 'aa',
      parentEnsembleId: null,
      method: 'probe',
      parameters: readProbeParameters({}),
      backbone: { name: recipe.name, sha256: recipe.sha256 },
      tensorflowBackend: 'wasm',
      codeVersion: 'bench',
      droppedPageCount: 0,
      l2Tried: [],
      outOfFold: {
        scores: { pages: 4, accuracy: 1, auc: 1, logLoss: 0.1, calibrationError: 0.1 },
        foldsBy: 'item',
        foldCount: 2,
        sha256: 'cc',
        key: 'models/none',
      },
    },
    1,
    heads,
  );
  for (const { key, bytes } of [manifest, ...weights]) await objects.put(key, bytes);
  await db.pool.query(
    `insert into ensemble (id, manifest_key, manifest_sha256, backbone_name, backbone_sha256, member_count, temperature)
     values ($1, $2, $3, $4, $5, 5, 1)`,
    [ensembleId, manifest.key, manifest.sha256, recipe.name, recipe.sha256],
  );
}

/** A catalog whose every rule selects all pages. They are made before the clock starts: what a catalog costs is not measured here. */
function startCatalog(pageCount: number) {
  const messages = Array.from({ length: Math.ceil(pageCount / 500) }, (_, message) => ({
    pages: Array.from({ length: Math.min(500, pageCount - message * 500) }, (_, at) =>
      PageRef.fromPartial({ pageId: firstPageId + message * 500 + at }),
    ),
  }));
  const implementation: Partial<CatalogServiceImplementation> = {
    async *streamPages() {
      yield* messages;
    },
  };
  return startRpcServer({
    definition: CatalogServiceDefinition,
    implementation: new Proxy(implementation, {
      get: (known, name) =>
        known[name as keyof typeof known] ??
        (async () => {
          throw new Error(`${String(name)} is not part of this bench`);
        }),
    }) as CatalogServiceImplementation,
    authenticator: createAuthenticator({ required: false, keys: [] }),
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });
}

async function waitUntilReady(base: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const ready = await fetch(`${base}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    if (tries > 600) throw new Error('inference did not start');
    await pause(100);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
