import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { parseIdList } from '@florilegium/bhl';
import {
  CatalogServiceDefinition,
  type CatalogServiceImplementation,
  Page,
  PageRef,
  PageSet,
} from '@florilegium/contracts/catalog';
import { CurationServiceDefinition } from '@florilegium/contracts/curation';
import {
  FetcherServiceDefinition,
  type FetcherServiceImplementation,
  ImageInfo,
  ImageState,
} from '@florilegium/contracts/fetcher';
import { InferenceServiceDefinition } from '@florilegium/contracts/inference';
import { openDb } from '@florilegium/db';
import { seededRandom } from '@florilegium/random';
import { createRpcClient } from '@florilegium/rpc';
import { freePort, startNats, startPostgres } from '@florilegium/stack';
import { Pool } from 'undici';
import { startPartialService } from './left-hand-services.ts';
import { startMeasured } from './measured-process.ts';

export const describe =
  'a list of 112,501 pages as text, JSON and gRPC beside COPY, any page of it alike; 100,000 labels in bulk and one by one [--list FILE] [--labels N] [--folder DIR]';

const textShareMin = 0.4;
/** A page of a list may cost so many times the first one, at the 99th percentile of each tenth of the list. */
const flatMax = 1.5;
const pageIdsMax = 1000;
const clients = 20;

/** The list that the reference project published, where it stands beside this project. */
const knownList = fileURLToPath(new URL('../../../shared/reference/hq_illustrations.txt', import.meta.url));

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      list: { type: 'string' },
      labels: { type: 'string', default: '100000' },
      folder: { type: 'string', default: tmpdir() },
    },
  });
  const text = await listText(values.list);
  const pageIds = parseIdList(text).sort((one, other) => one - other);
  const labelCount = Number(values.labels);
  const folder = await mkdtemp(join(values.folder, 'florilegium-bench-'));
  // PostgreSQL may run as another user, who must be able to pass through.
  await chmod(folder, 0o711);
  const closing: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const log = () => {};
    const postgres = await startPostgres({
      folder: join(folder, 'postgres'),
      password: 'bench',
      logFile: join(folder, 'postgres.log'),
      log,
    });
    closing.push(() => postgres.stop());
    const nats = await startNats({ folder: join(folder, 'nats'), logFile: join(folder, 'nats.log'), log });
    closing.push(() => nats.stop());
    const labelled = Array.from({ length: labelCount }, (_, index) => 200_000_000 + index);
    const left = await startLeft(pageIds, labelled);
    closing.push(...left.stops);
    const [httpPort, grpcPort] = [await freePort(), await freePort()];
    const service = startMeasured(
      process.execPath,
      [fileURLToPath(new URL('../../services/curation/src/main.ts', import.meta.url))],
      {
        env: {
          PATH: process.env.PATH ?? '',
          HTTP_PORT: String(httpPort),
          GRPC_PORT: String(grpcPort),
          DATABASE_URL: postgres.adminUrl,
          NATS_URL: nats.url,
          OBJECT_STORE: pathToFileURL(join(folder, 'objects')).href,
          AUTH: 'off',
          LOG_LEVEL: 'warn',
          ...left.addresses,
        },
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    closing.push(() => service.child.kill('SIGKILL'));
    const http = new Pool(`http://127.0.0.1:${httpPort}`, { connections: clients, pipelining: 1 });
    closing.push(() => http.close());
    const grpc = createRpcClient(CurationServiceDefinition, { address: `127.0.0.1:${grpcPort}` });
    closing.push(() => grpc.close());
    const db = openDb({ url: postgres.adminUrl, schema: 'curation' });
    closing.push(() => db.close());
    await untilReady(http);
    const peers: Peers = { http, grpc: grpc.client, db, pageIds };
    await importList(peers, text);
    await addScoredList(peers);
    const kept = [
      await compareWithCopy(peers),
      await readPageByPage(peers),
      await walkGallery(peers),
      await recordLabels(peers, labelled),
    ];
    const peak = service.peakBytes();
    if (peak !== undefined) console.log(`     the service's memory at its peak: ${(peak / 2 ** 20).toFixed(0)} MiB`);
    return kept.every(Boolean) ? 0 : 1;
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

interface Peers {
  http: Pool;
  grpc: ReturnType<typeof createRpcClient<typeof CurationServiceDefinition>>['client'];
  db: ReturnType<typeof openDb>;
  pageIds: readonly number[];
}

async function listText(file: string | undefined): Promise<string> {
  if (file !== undefined || existsSync(knownList)) return await readFile(file ?? knownList, 'utf8');
  const random = seededRandom('list');
  const ids = new Set<number>();
  while (ids.size < 112_501) ids.add(1 + random.below(59_000_000));
  return [...ids].join('\n');
}

async function ask<Reply>(
  http: Pool,
  path: string,
  init: { method?: 'GET' | 'POST'; body?: string; type?: string } = {},
) {
  const { statusCode, body } = await http.request({
    path,
    method: init.method ?? 'GET',
    body: init.body,
    headers: init.body === undefined ? {} : { 'content-type': init.type ?? 'application/json' },
  });
  const text = await body.text();
  if (statusCode >= 300) throw new Error(`${path} answered ${statusCode}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Reply;
}

async function untilReady(http: Pool): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (
      await ask(http, '/readyz').then(
        () => true,
        () => false,
      )
    )
      return;
    await sleep(200);
  }
  throw new Error('the service did not come up in a minute');
}

async function importList({ http, pageIds }: Peers, text: string): Promise<void> {
  const began = performance.now();
  const path = '/v1/hq-lists/imports?source=bench';
  const { version } = await ask<{ version: number }>(http, path, { method: 'POST', body: text, type: 'text/plain' });
  const uploaded = performance.now();
  for (;;) {
    const list = await ask<{ state: string; pageCount: number; reason: string }>(http, `/v1/hq-lists/${version}`);
    if (list.state === 'failed') throw new Error(`the import failed: ${list.reason}`);
    if (list.state === 'published') {
      if (list.pageCount !== pageIds.length) throw new Error(`${list.pageCount} of ${pageIds.length} pages came`);
      break;
    }
    await sleep(100);
  }
  console.log(
    `     imported ${pageIds.length} pages in ${seconds(uploaded - began)}, their stories in ${seconds(performance.now() - uploaded)} more`,
  );
}

/** The second version: the same pages with scores, as freezing writes them. */
async function addScoredList({ db }: Peers): Promise<void> {
  await db.pool.query(`
    insert into hq_list (id, version, state, started_by, rule, threshold, audit_count, iteration_number, ensemble_id,
      model_sha256, label_set_id, label_set_sha256, seed, page_count, pages_sha256, frozen_at, published_at)
    select gen_random_uuid(), 2, 'published', 'bench', rule, 0.5, 0, 1, gen_random_uuid(), '', gen_random_uuid(), '', 'bench',
      page_count, pages_sha256, now(), now()
    from hq_list where version = 1`);
  await db.pool.query(`
    insert into hq_list_page (hq_list_id, ordinal, page_id, probability, chosen_by)
    select scored.id, page.ordinal, page.page_id, 0.5 + random() / 2, case when random() < 0.01 then 'label' else 'score' end
    from hq_list imported join hq_list_page page on page.hq_list_id = imported.id, hq_list scored
    where imported.version = 1 and scored.version = 2 order by page.ordinal`);
  await db.pool.query('vacuum analyze');
}

async function compareWithCopy({ http, grpc, db, pageIds }: Peers): Promise<boolean> {
  const { rows } = await db.pool.query<{ id: string }>('select id from hq_list where version = 2');
  const of = `from hq_list_page where hq_list_id = '${rows[0]!.id}' order by page_id`;
  const copy = async (columns: string) => {
    let bytes = 0;
    for await (const chunk of db.copyOut(`copy (select ${columns} ${of}) to stdout`)) bytes += chunk.length;
    return bytes;
  };
  const readAll = async (path: string) => {
    const { statusCode, body } = await http.request({ path, method: 'GET' });
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`);
    let bytes = 0;
    for await (const chunk of body) bytes += chunk.length;
    return bytes;
  };
  const readJson = async () => {
    let count = 0;
    for (let after: number | null = -1; after !== null; ) {
      const part: { pages: object[]; next: number | null } = await ask(
        http,
        `/v1/hq-lists/2/pages?limit=${pageIdsMax}&after=${after}`,
      );
      count += part.pages.length;
      after = part.next;
    }
    return count;
  };
  const readGrpc = async () => {
    let count = 0;
    for await (const { pages } of grpc.streamHqList({ version: 2 })) count += pages.length;
    return count;
  };
  const ids = await timeInTurn({ copy: () => copy('page_id'), text: () => readAll('/v1/hq-lists/2/pages.txt') }, 15);
  if (ids.results.text !== ids.results.copy) throw new Error('the text is not what COPY writes');
  const rowsOf = await timeInTurn(
    { copy: () => copy('page_id, probability, chosen_by'), json: readJson, grpc: readGrpc },
    7,
  );
  if (rowsOf.results.json !== pageIds.length || rowsOf.results.grpc !== pageIds.length)
    throw new Error('pages are missing');
  const csv = await timeInTurn({ csv: () => readAll('/v1/hq-lists/1/pages.csv') }, 3);
  const share = ids.ms.copy / ids.ms.text;
  const isFast = share >= textShareMin;
  console.log(`     COPY of the ids ${ms(ids.ms.copy)}, of ids, scores and reasons ${ms(rowsOf.ms.copy)}`);
  console.log(
    `${isFast ? 'ok  ' : 'FAIL'} text: ${ms(ids.ms.text)}, ${share.toFixed(2)} of COPY's speed (at least ${textShareMin})`,
  );
  console.log(
    `     JSON in pages of ${pageIdsMax}, one after another: ${ms(rowsOf.ms.json)}, ${(rowsOf.ms.copy / rowsOf.ms.json).toFixed(2)} of COPY's speed`,
  );
  console.log(
    `     gRPC stream: ${ms(rowsOf.ms.grpc)}, ${(rowsOf.ms.copy / rowsOf.ms.grpc).toFixed(2)} of COPY's speed`,
  );
  console.log(`     CSV with stories: ${ms(csv.ms.csv)}, ${(csv.results.csv / 1e6).toFixed(0)} MB`);
  return isFast;
}

/** Median milliseconds of each, run in turn so that all meet the same machine; the first turn warms up. */
async function timeInTurn<Name extends string>(jobs: Record<Name, () => Promise<number>>, turns: number) {
  const names = Object.keys(jobs) as Name[];
  const taken = new Map<Name, number[]>(names.map((name) => [name, []]));
  const results = {} as Record<Name, number>;
  for (let turn = 0; turn <= turns; turn++)
    for (const name of names) {
      const began = performance.now();
      results[name] = await jobs[name]();
      if (turn > 0) taken.get(name)!.push(performance.now() - began);
    }
  const medians = Object.fromEntries(names.map((name) => [name, quantile(taken.get(name)!, 0.5)]));
  return { ms: medians as Record<Name, number>, results };
}

async function readPageByPage({ http, pageIds }: Peers): Promise<boolean> {
  const starts = pageIds.filter((_, index) => index % pageIdsMax === 0).map((pageId) => pageId - 1);
  const tenths = Array.from({ length: 10 }, () => [] as number[]);
  for (let pass = 0; pass < 30; pass++)
    for (const [at, after] of starts.entries()) {
      const began = performance.now();
      await ask(http, `/v1/hq-lists/2/pages?limit=${pageIdsMax}&after=${after}`);
      tenths[Math.floor((at * 10) / starts.length)]!.push(performance.now() - began);
    }
  const p99 = tenths.map((taken) => quantile(taken, 0.99));
  const slope = p99.at(-1)! / p99[0]!;
  const isFlat = slope <= flatMax;
  console.log(
    `${isFlat ? 'ok  ' : 'FAIL'} a page of ${pageIdsMax}: median ${ms(quantile(tenths.flat(), 0.5))}, p99 by tenth of the list ${p99.map((value) => value.toFixed(1)).join(' ')} ms; last to first ${slope.toFixed(2)} (at most ${flatMax})`,
  );
  return isFlat;
}

async function walkGallery({ http, pageIds }: Peers): Promise<boolean> {
  const random = seededRandom('gallery');
  const first = await timeInTurn(
    {
      words: () => ask<{ total: number }>(http, `/v1/hq-lists/1/gallery?title=alpina%20v.1`).then(({ total }) => total),
    },
    1,
  );
  const taken: number[] = [];
  for (let jump = 0; jump < 500; jump++) {
    const position = random.below(pageIds.length - 60);
    const began = performance.now();
    await ask(http, `/v1/hq-lists/1/gallery?order=shuffle&seed=5&limit=60&position=${position}`);
    taken.push(performance.now() - began);
  }
  const began = performance.now();
  const { total } = await ask<{ total: number }>(http, '/v1/hq-lists/1/gallery?title=flora%20merian&yearMin=1800');
  const filtered = performance.now() - began;
  console.log(
    `     gallery, 60 plates anywhere: median ${ms(quantile(taken, 0.5))}, p99 ${ms(quantile(taken, 0.99))}; a filter never asked before: ${ms(filtered)} for ${total} plates, known: ${ms(first.ms.words)}`,
  );
  return true;
}

async function recordLabels({ http, db }: Peers, labelled: readonly number[]): Promise<boolean> {
  if (labelled.length === 0) return true;
  // The service copies its page sets when a queue is first asked for.
  await ask(http, '/v1/review-queues');
  const labels = ['HQ', 'LQ', 'NOT_SURE'] as const;
  const post = (part: readonly number[], label: string) =>
    ask<{ recordedCount: number }>(http, '/v1/labels', {
      method: 'POST',
      body: JSON.stringify({ labels: part.map((pageId) => ({ pageId, label, queue: 'review' })) }),
    });
  let began = performance.now();
  for (let start = 0; start < labelled.length; start += 500)
    await post(labelled.slice(start, start + 500), labels[(start / 500) % 3]!);
  const bulkMs = performance.now() - began;
  began = performance.now();
  const taken: number[] = [];
  const pages = labelled.values();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (const pageId of pages) {
        const asked = performance.now();
        await post([pageId], labels[client % 3]!);
        taken.push(performance.now() - asked);
      }
    }),
  );
  const singleMs = performance.now() - began;
  const { rows } = await db.pool.query<{ events: string; pages: string }>(
    'select count(*) as events, count(distinct page_id) as pages from label_event',
  );
  const isWhole = Number(rows[0]!.events) === 2 * labelled.length && Number(rows[0]!.pages) === labelled.length;
  const rate = (took: number) => `${((labelled.length / took) * 1000).toFixed(0)} a second`;
  console.log(`     ${labelled.length} labels, 500 a request: ${seconds(bulkMs)}, ${rate(bulkMs)}`);
  console.log(
    `     ${labelled.length} labels one by one from ${clients} clients: ${seconds(singleMs)}, ${rate(singleMs)}; median ${ms(quantile(taken, 0.5))}, p99 ${ms(quantile(taken, 0.99))}`,
  );
  console.log(`${isWhole ? 'ok  ' : 'FAIL'} each of them is there once`);
  return isWhole;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

const ms = (value: number) => `${value.toFixed(value < 20 ? 1 : 0)} ms`;
const seconds = (value: number) => `${(value / 1000).toFixed(1)} s`;

/** Catalog and fetcher as a list and labels need them: every page of the list is a candidate with a story and an image. */
async function startLeft(pageIds: readonly number[], labelled: readonly number[]) {
  const setIds = Object.fromEntries(
    ['heldout', 'stop', 'train', 'unlabelled'].map((name, at) => [name, `00000000-0000-7000-8000-00000000000${at}`]),
  );
  const storyOf = (pageId: number) =>
    Page.fromPartial({
      ref: { pageId, itemId: Math.floor(pageId / 100), titleId: Math.floor(pageId / 1000) },
      title:
        pageId % 3 === 0
          ? `Flora alpina, oder Abbildungen der Pflanzen ${Math.floor(pageId / 1000)}`
          : `Bulletin of zoology ${Math.floor(pageId / 1000)}`,
      authors: 'Merian, Maria Sibylla, 1647-1717',
      year: String(1700 + (pageId % 220)),
      volume: `v.${pageId % 12}`,
      place: `Plate ${pageId % 90}`,
      names: ['Vanessa io', 'Bombyx mori'].slice(0, pageId % 3),
      rights: 'Public domain. The BHL considers that this work is no longer under copyright protection.',
      reuse: 'public_domain',
      citation: `Merian, Maria Sibylla. Flora alpina, v.${pageId % 12}. Plate ${pageId % 90}. Biodiversity Heritage Library, https://www.biodiversitylibrary.org/page/${pageId}.`,
    });
  const refs = (ids: readonly number[]) =>
    ids.map((pageId) => PageRef.fromPartial({ pageId, itemId: Math.floor(pageId / 100) }));
  const catalog = await startPartialService<CatalogServiceImplementation>(CatalogServiceDefinition, {
    getRule: async ({ name }) => ({ name, version: 1, sha256: 'ab'.repeat(32) }),
    async *streamStories({ pageIds: asked }) {
      for (let start = 0; start < asked.length; start += 100)
        yield { pages: asked.slice(start, start + 100).map(storyOf) };
    },
    async *streamPages({ selection }) {
      const ids = selection?.$case === 'rule' ? pageIds : selection?.value === setIds.unlabelled ? labelled : [];
      for (let start = 0; start < ids.length; start += 500) yield { pages: refs(ids.slice(start, start + 500)) };
    },
    listPageSets: async ({ name }) => ({
      pageSets: Object.entries(setIds)
        .filter(([known]) => known === name)
        .map(([known, id]) =>
          PageSet.fromPartial({
            id,
            name: known,
            rule: 'illustrated',
            seed: 1,
            pageCount: id === setIds.unlabelled ? labelled.length : 0,
          }),
        ),
    }),
  });
  const fetcher = await startPartialService<FetcherServiceImplementation>(FetcherServiceDefinition, {
    getImageStates: async ({ pageIds: asked }) => ({
      images: asked.map((pageId) =>
        ImageInfo.fromPartial({
          pageId,
          state: ImageState.IMAGE_STATE_STORED,
          width: 465,
          height: 600 + (pageId % 200),
        }),
      ),
    }),
  });
  const inference = await startPartialService(InferenceServiceDefinition, {});
  return {
    stops: [catalog.stop, fetcher.stop, inference.stop],
    addresses: {
      CATALOG_GRPC: `127.0.0.1:${catalog.port}`,
      FETCHER_GRPC: `127.0.0.1:${fetcher.port}`,
      INFERENCE_GRPC: `127.0.0.1:${inference.port}`,
    },
  };
}
