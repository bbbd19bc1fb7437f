import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createTestDatabase, openDb } from '@florilegium/db';
import { freePort, startNats, startPostgres } from '@florilegium/stack';
import { startMeasured } from './measured-process.ts';
import { writeSyntheticExport } from './synthetic-export.ts';

export const describe = 'extract and import a synthetic page file against gzip -dc | wc -l (--rows 10000000)';

const limits = { extractRatio: 1.7, importRatio: 3, peakMB: 350, growth: 1.5 };
/** The smaller files are measured so often and the fastest counts: what other work costs them would pass for the start of a curve. */
const smallTries = 3;
const root = fileURLToPath(new URL('../..', import.meta.url));
const mebibyte = 2 ** 20;

interface Measured {
  seconds: number;
  /** In millions of bytes. */
  peakMB: number | undefined;
}

interface Round {
  rows: number;
  gzipMiB: number;
  /** Seconds of `gzip -dc | wc -l` before, between and after. */
  inflate: number[];
  extract: Measured;
  import: Measured & { tablesMiB: number; keptPages: number; phases: Map<string, number> };
  /** The same export once more, by the same process. */
  later: Measured;
}

/**
 * The same file inflated, extracted and imported in turn, the inflation again after each, so that a machine that grows
 * slower or faster meanwhile shows and is divided out: each ratio is to the mean of the inflations around it.
 */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { rows: { type: 'string', default: '10000000' } } });
  const rowCount = Number(values.rows);
  if (!Number.isInteger(rowCount) || rowCount < 1000) throw new Error('--rows wants a whole number from 1000');
  const folder = await mkdtemp(join(tmpdir(), 'florilegium-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const log = (line: string) => console.error(line);
    // PostgreSQL may run as another user, who must be able to pass through.
    await chmod(folder, 0o711);
    const postgres = await startPostgres({
      folder: join(folder, 'postgres'),
      password: 'bench',
      logFile: join(folder, 'postgres.log'),
      log,
    });
    stops.push(postgres.stop);
    const nats = await startNats({ folder: join(folder, 'nats'), logFile: join(folder, 'nats.log'), log });
    stops.push(nats.stop);

    const rounds: Round[][] = [];
    for (const rows of [Math.round(rowCount / 10), Math.round((rowCount * 3) / 10), rowCount]) {
      const tries: Round[] = [];
      while (tries.length < (rows === rowCount ? 1 : smallTries)) {
        tries.push(await measure({ folder, rows, adminUrl: postgres.adminUrl, natsUrl: nats.url }));
        console.log(sentence(tries.at(-1)!));
      }
      rounds.push(tries);
    }
    return verdict(rounds);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function measure(o: { folder: string; rows: number; adminUrl: string; natsUrl: string }): Promise<Round> {
  const source = join(o.folder, `export-${o.rows}`);
  await mkdir(source);
  const { pageFile, rows } = await writeSyntheticExport(source, o.rows);
  const inflate = [await inflateSeconds(pageFile)];
  const list = join(o.folder, 'candidates.txt');
  const extracting = startMeasured(
    process.execPath,
    [join(root, 'libs/cli/src/main.ts'), 'extract', pageFile, '--output-file', list],
    { stdio: 'ignore' },
  );
  const extract = { seconds: await extracting.ended, peakMB: inMB(extracting.peakBytes()) };
  inflate.push(await inflateSeconds(pageFile));
  let inflatedAgain = 0;
  const imported = await importWith(o, source, async () => {
    inflatedAgain = await inflateSeconds(pageFile);
  });
  inflate.push(inflatedAgain);
  const gzipMiB = (await stat(pageFile)).size / mebibyte;
  await rm(source, { recursive: true });
  return { rows, gzipMiB, inflate, extract, ...imported };
}

async function inflateSeconds(file: string): Promise<number> {
  return await startMeasured('sh', ['-c', 'gzip -dc "$0" | wc -l', file]).ended;
}

/** Two imports by the real service in a process of its own, each from its request until the run is done. */
async function importWith(
  o: { folder: string; adminUrl: string; natsUrl: string },
  source: string,
  between: () => Promise<void>,
): Promise<Pick<Round, 'import' | 'later'>> {
  const database = await createTestDatabase(o.adminUrl);
  const port = await freePort();
  const service = startMeasured(process.execPath, [join(root, 'services/catalog/src/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH ?? '',
      ROLE: 'all',
      AUTH: 'off',
      LOG_LEVEL: 'warn',
      HTTP_PORT: String(port),
      GRPC_PORT: String(await freePort()),
      DATABASE_URL: database.url,
      NATS_URL: o.natsUrl,
      NATS_NAMESPACE: `bench-${port}`,
      IMPORT_ROOTS: o.folder,
    },
  });
  const base = `http://127.0.0.1:${port}`;
  try {
    for (let tries = 0; ; tries++) {
      if (
        await fetch(`${base}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        break;
      if (tries > 600) throw new Error('the catalog did not start');
      await pause(100);
    }
    const first = await importOnce(base, source);
    const tablesMiB = await tableMiB(database.url);
    const peakMB = inMB(service.peakBytes());
    await between();
    const { seconds } = await importOnce(base, source);
    return { import: { ...first, peakMB, tablesMiB }, later: { seconds, peakMB: inMB(service.peakBytes()) } };
  } finally {
    service.child.kill('SIGTERM');
    await service.ended.catch(() => {});
    await database.drop();
  }
}

async function importOnce(base: string, source: string) {
  const startedAt = performance.now();
  const posted = await fetch(`${base}/v1/imports`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ source }),
  });
  if (posted.status !== 202) throw new Error(await posted.text());
  const { id } = (await posted.json()) as { id: string };
  // Seconds seen in each phase; progress is written twice a second, so each is known to half a second.
  const phases = new Map<string, number>();
  let seenAt = startedAt;
  for (;;) {
    const run = (await (await fetch(`${base}/v1/imports/${id}`)).json()) as {
      state: string;
      reason: string;
      phase: string;
      keptPageCount: number;
    };
    const now = performance.now();
    phases.set(run.phase, (phases.get(run.phase) ?? 0) + (now - seenAt) / 1000);
    seenAt = now;
    if (run.state === 'done') {
      const seconds = (performance.now() - startedAt) / 1000;
      return { seconds, keptPages: run.keptPageCount, phases };
    }
    if (run.state !== 'pending' && run.state !== 'running') throw new Error(`${run.state}: ${run.reason}`);
    await pause(50);
  }
}

async function tableMiB(url: string): Promise<number> {
  const db = openDb({ url, schema: 'catalog' });
  const { rows } = await db.pool.query(
    "select sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass))::float8 as bytes from pg_tables where schemaname = 'catalog'",
  );
  await db.close();
  return rows[0].bytes / mebibyte;
}

const mean = (...numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const extractRatio = ({ extract, inflate }: Round) => extract.seconds / mean(inflate[0]!, inflate[1]!);
const importRatio = (round: Round) => round.import.seconds / mean(round.inflate[1]!, round.inflate[2]!);
/**
 * How much longer a row takes between the two larger files than between the two smaller, which leaves out what a start costs
 * whatever the file. In times of the inflation of the same file, as the ratios.
 */
function growth(rounds: readonly Round[][], ratio: (round: Round) => number): number {
  const rows = rounds.map((tries) => tries[0]!.rows);
  const cost = rounds.map((tries, at) => Math.min(...tries.map(ratio)) * rows[at]!);
  const perRow = (from: number, to: number) => (cost[to]! - cost[from]!) / (rows[to]! - rows[from]!);
  return perRow(1, 2) / perRow(0, 1);
}

const inMB = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / 1e6);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const shown = (number: number | undefined, digits = 1) => number?.toFixed(digits) ?? 'unknown';

const perSecond = (rows: number, { seconds }: Measured) => `${shown(rows / seconds / 1e6, 2)} million rows/s`;

function sentence(round: Round): string {
  return [
    `${round.rows} rows, ${shown(round.gzipMiB)} MiB as .gz: gzip -dc | wc -l ${round.inflate.map((seconds) => shown(seconds, 2)).join(', ')} s`,
    `  extract ${shown(round.extract.seconds, 2)} s = ${shown(extractRatio(round), 2)} x, ${perSecond(round.rows, round.extract)}, peak ${shown(round.extract.peakMB, 0)} MB`,
    `  import ${shown(round.import.seconds, 2)} s = ${shown(importRatio(round), 2)} x, ${perSecond(round.rows, round.import)}, peak ${shown(round.import.peakMB, 0)} MB, ${round.import.keptPages} pages kept, ${shown(round.import.tablesMiB / (round.rows / 1e6))} MiB of tables per million rows`,
    `  again, by the same process ${shown(round.later.seconds, 2)} s, peak ${shown(round.later.peakMB, 0)} MB`,
    `  of the first ${[...round.import.phases].map(([phase, seconds]) => `${phase || 'start'} ${shown(seconds)} s`).join(', ')}`,
  ].join('\n');
}

function verdict(rounds: readonly Round[][]): number {
  const large = rounds.at(-1)![0]!;
  const checks: [string, number | undefined, number][] = [
    ['extract, times gzip', extractRatio(large), limits.extractRatio],
    ['import, times gzip', importRatio(large), limits.importRatio],
    ['extract, peak MB', large.extract.peakMB, limits.peakMB],
    ['import, peak MB', large.import.peakMB, limits.peakMB],
    ['a later import, peak MB', large.later.peakMB, limits.peakMB],
    ['extract, a row of the larger half against one of the smaller', growth(rounds, extractRatio), limits.growth],
    ['import, a row of the larger half against one of the smaller', growth(rounds, importRatio), limits.growth],
  ];
  for (const [name, value, limit] of checks) {
    const kept = value === undefined ? 'not known' : value <= limit ? 'kept' : 'MISSED';
    console.log(`${name}: ${shown(value, 2)}, limit ${limit}: ${kept}`);
  }
  return checks.every(([, value, limit]) => value === undefined || value <= limit) ? 0 : 1;
}
