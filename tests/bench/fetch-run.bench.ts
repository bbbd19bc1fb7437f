import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createAuthenticator } from '@florilegium/auth';
import { CatalogServiceDefinition, type CatalogServiceImplementation, PageRef } from '@florilegium/contracts/catalog';
import { type Db, openDb } from '@florilegium/db';
import { createLog } from '@florilegium/log';
import { startRpcServer } from '@florilegium/rpc';
import { freePort, startNats, startPostgres } from '@florilegium/stack';
import { startImageServer } from './image-server.ts';

export const describe =
  'a fetch run of 100,000 pages through the real service: memory of a worker, and time beyond what the rate limit asks for [--pages N] [--rate N] [--folder DIR]';

const memoryMbMax = 300;
// What garbage collection lets come and go between two quarters. 400 bytes kept for each page would pass it at 100,000.
const growthMbMax = 30;
const overheadMax = 0.05;

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      pages: { type: 'string', default: '100000' },
      rate: { type: 'string', default: '500' },
      folder: { type: 'string', default: tmpdir() },
    },
  });
  const pageCount = Number(values.pages);
  const rate = Number(values.rate);
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
      durable: false,
      log,
    });
    closing.push(() => postgres.stop());
    const nats = await startNats({ folder: join(folder, 'nats'), logFile: join(folder, 'nats.log'), log });
    closing.push(() => nats.stop());
    const images = await startImageServer({ bytes: 4096 });
    closing.push(() => images.close());
    const catalog = await startCatalog(pageCount);
    closing.push(() => catalog.stop());
    const httpPort = await freePort();
    // As they are deployed: what is measured is a worker.
    const startRole = (role: string, port: number) => {
      const service = spawn(
        process.execPath,
        [fileURLToPath(new URL('../../services/fetcher/src/main.ts', import.meta.url))],
        {
          env: {
            PATH: process.env.PATH ?? '',
            ROLE: role,
            HTTP_PORT: String(port),
            GRPC_PORT: '0',
            DATABASE_URL: postgres.adminUrl,
            NATS_URL: nats.url,
            OBJECT_STORE: pathToFileURL(join(folder, 'objects')).href,
            AUTH: 'off',
            LOG_LEVEL: 'warn',
            CATALOG_GRPC: `127.0.0.1:${catalog.port}`,
            SOURCES: JSON.stringify([
              {
                name: 'bench',
                addressing: 'bucket',
                baseUrl: images.baseUrl,
                requestsPerSecond: rate,
                inFlightMax: 64,
              },
            ]),
            BATCHES_IN_FLIGHT_MAX: '4',
          },
          stdio: ['ignore', 'inherit', 'inherit'],
        },
      );
      closing.push(() => service.kill('SIGKILL'));
      return service.pid!;
    };
    startRole('api', httpPort);
    const workerPid = startRole('worker', 0);
    const database = openDb({ url: postgres.adminUrl, schema: 'fetcher', applicationName: 'bench', poolMax: 1 });
    closing.push(() => database.close());
    return await watchRun(`http://127.0.0.1:${httpPort}`, workerPid, pageCount, rate, () => sqlMsOf(database));
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

async function watchRun(
  base: string,
  pid: number,
  pageCount: number,
  rate: number,
  sqlMs: () => Promise<number>,
): Promise<number> {
  const ask = async (path: string, init?: RequestInit) => (await fetch(`${base}${path}`, init)).json();
  while (
    !(await fetch(`${base}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await sleep(200);
  const idleMb = await residentMb(pid);
  const sqlMsBefore = await sqlMs();
  const body = JSON.stringify({ rule: 'illustrated', size: 'medium' });
  const started = (await ask('/v1/fetch-runs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })) as { id: string };
  const began = performance.now();
  const samples: number[] = [];
  let shown = 0;
  for (;;) {
    await sleep(500);
    const run = (await ask(`/v1/fetch-runs/${started.id}`)) as {
      state: string;
      doneCount: number;
      storedCount: number;
    };
    samples.push(await residentMb(pid));
    if (run.doneCount >= shown + pageCount / 10) {
      shown = run.doneCount;
      const seconds = (performance.now() - began) / 1000;
      console.log(`     ${run.doneCount} pages, ${seconds.toFixed(0)} s, ${samples.at(-1)!.toFixed(0)} MB`);
    }
    if (run.state === 'done' && run.storedCount === pageCount) break;
    if (run.state !== 'running' && run.state !== 'pending') throw new Error(`the run ended ${JSON.stringify(run)}`);
  }
  const seconds = (performance.now() - began) / 1000;
  const peakMb = Math.max(...samples);
  const early = Math.max(...samples.slice(0, Math.ceil(samples.length / 4)));
  const late = Math.max(...samples.slice(-Math.ceil(samples.length / 4)));
  const overhead = 1 - pageCount / rate / seconds;
  console.log(
    `     ${pageCount} pages in ${seconds.toFixed(1)} s, ${(pageCount / seconds).toFixed(0)} a second of ${rate} allowed`,
  );
  const cpuMs = await cpuMsOf(pid);
  console.log(`     the worker used ${(cpuMs / pageCount).toFixed(2)} ms of a core for a page`);
  const statementsMs = (await sqlMs()) - sqlMsBefore;
  console.log(
    `     all SQL, its waits included: ${(statementsMs / pageCount).toFixed(2)} ms a page, ${((statementsMs / seconds / 1000) * 100).toFixed(1)} % of the run's time if it ran one after another`,
  );
  console.log(
    `     memory: idle ${idleMb.toFixed(0)} MB, first quarter ${early.toFixed(0)}, last quarter ${late.toFixed(0)}`,
  );
  const isSmall = peakMb < memoryMbMax;
  const isFlat = late - early < growthMbMax;
  const isFast = overhead < overheadMax;
  console.log(`${isSmall ? 'ok  ' : 'FAIL'} memory at its peak: ${peakMb.toFixed(0)} MB (limit ${memoryMbMax})`);
  console.log(
    `${isFlat ? 'ok  ' : 'FAIL'} memory in the last quarter beyond the first: ${(late - early).toFixed(0)} MB (limit ${growthMbMax})`,
  );
  console.log(
    `${isFast ? 'ok  ' : 'FAIL'} time beyond the rate limit's: ${(overhead * 100).toFixed(1)} % (limit ${overheadMax * 100})`,
  );
  return isSmall && isFlat && isFast ? 0 : 1;
}

/** Time that PostgreSQL spent in statements of the service so far; sessions that were never idle for a second may lag behind by that. */
async function sqlMsOf({ pool }: Db<unknown>): Promise<number> {
  const { rows } = await pool.query<{ ms: number }>(
    'select active_time as ms from pg_stat_database where datname = current_database()',
  );
  return rows[0]!.ms;
}

/** User and system time; the kernel counts in hundredths of a second. */
async function cpuMsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

/** A catalog of so many pages, whatever is selected. */
async function startCatalog(pageCount: number) {
  const partial: Partial<CatalogServiceImplementation> = {
    async *streamPages({ afterPageId }) {
      for (let start = afterPageId + 1; start <= pageCount; start += 500) {
        const ids = Array.from({ length: Math.min(500, pageCount - start + 1) }, (_, index) => start + index);
        yield {
          pages: ids.map((pageId) => PageRef.fromPartial({ pageId, barCode: `book${pageId % 97}`, sequence: pageId })),
        };
      }
    },
  };
  const implementation = Object.fromEntries(
    Object.keys(CatalogServiceDefinition.methods).map((name) => [
      name,
      partial[name as keyof CatalogServiceImplementation] ??
        (async () => {
          throw new Error(`${name} is not part of this bench`);
        }),
    ]),
  );
  return await startRpcServer({
    definition: CatalogServiceDefinition,
    implementation,
    authenticator: createAuthenticator({ required: false, keys: [] }),
    log: createLog({ service: 'bench', level: 'warn' }),
    host: '127.0.0.1',
    port: 0,
  });
}
