/**
 * Gives test files a real PostgreSQL and a real NATS with JetStream: `inject('databaseUrl')` (a superuser's) and
 * `inject('natsUrl')`. In this order: DATABASE_URL and NATS_URL where given; containers where a Docker engine answers
 * (FLORILEGIUM_TEST_DOCKER=0 says no); the embedded servers of libs/stack in a temporary folder. PostgreSQL 15 in the
 * container is the oldest we support and 18 in the package the newest.
 */
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pingPostgres, startNats, startPostgres } from '@florilegium/stack';
import type { TestProject } from 'vitest/node';
import { buildWebUi } from '../scripts/build-web-ui.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    databaseUrl: string;
    natsUrl: string;
  }
}

type Stop = () => Promise<unknown>;
interface Servers {
  databaseUrl: string;
  natsUrl: string;
  stops: Stop[];
}

export async function setup(project: TestProject): Promise<Stop | undefined> {
  const given = { databaseUrl: process.env.DATABASE_URL || undefined, natsUrl: process.env.NATS_URL || undefined };
  if (!(await isNeeded(project))) {
    provide(project, { databaseUrl: given.databaseUrl ?? '', natsUrl: given.natsUrl ?? '' });
    return undefined;
  }
  // Some files open the web UI in a browser.
  await buildWebUi({
    node: process.execPath,
    say: (line) => console.error(line),
    fail: (line) => {
      throw new Error(line);
    },
  });
  const servers =
    given.databaseUrl && given.natsUrl
      ? { databaseUrl: given.databaseUrl, natsUrl: given.natsUrl, stops: [] }
      : ((await startContainers()) ?? (await startEmbedded()));
  provide(project, {
    databaseUrl: given.databaseUrl ?? servers.databaseUrl,
    natsUrl: given.natsUrl ?? servers.natsUrl,
  });
  return async () => {
    for (const stop of servers.stops.toReversed()) await stop();
  };
}

function provide(project: TestProject, urls: { databaseUrl: string; natsUrl: string }): void {
  project.provide('databaseUrl', urls.databaseUrl);
  project.provide('natsUrl', urls.natsUrl);
}

/** Unit tests alone start nothing: by the house rule only files in a `test` or `tests` folder need servers. */
async function isNeeded(project: TestProject): Promise<boolean> {
  const filters = (project.vitest as { filenamePattern?: string[] }).filenamePattern;
  const { testFiles } = await project.globTestFiles(filters);
  for (const file of testFiles) {
    if (/[\\/]tests?[\\/]/.test(file) || (await readFile(file, 'utf8')).includes('inject(')) return true;
  }
  return false;
}

async function startEmbedded(): Promise<Servers> {
  await removeLeftOvers();
  const folder = await mkdtemp(join(tmpdir(), `florilegium-test-${process.pid}-`));
  const stops: Stop[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    // PostgreSQL may run as another user, who must be able to pass through.
    await chmod(folder, 0o711);
    const log = (line: string) => console.error(line);
    const [postgres, nats] = await Promise.all([
      startPostgres({
        folder: join(folder, 'postgres'),
        password: 'test',
        logFile: join(folder, 'postgres.log'),
        durable: false,
        log,
      }).then((started) => {
        stops.push(started.stop);
        return started;
      }),
      startNats({ folder: join(folder, 'nats'), logFile: join(folder, 'nats.log'), log }).then((started) => {
        stops.push(started.stop);
        return started;
      }),
    ]);
    return { databaseUrl: postgres.adminUrl, natsUrl: nats.url, stops };
  } catch (error) {
    for (const stop of stops.toReversed()) await stop();
    throw error;
  }
}

/** Folders of test runs that were killed. Their servers have ended with them. */
async function removeLeftOvers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^florilegium-test-(\d+)-/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || isRunning(pid)) continue;
    // Another user's folder stays.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {});
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function startContainers(): Promise<Servers | undefined> {
  if (process.env.FLORILEGIUM_TEST_DOCKER === '0') return undefined;
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  if ((await getContainerRuntimeClient().catch(() => undefined)) === undefined) return undefined;
  const stops: Stop[] = [];
  try {
    const postgres = await new GenericContainer('postgres:15')
      .withEnvironment({ POSTGRES_PASSWORD: 'test' })
      .withCommand(['postgres', '-c', 'fsync=off', '-c', 'max_connections=200'])
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/))
      .withStartupTimeout(60_000)
      .start();
    stops.push(() => postgres.stop());
    const nats = await new GenericContainer('nats:2').withCommand(['-js']).withExposedPorts(4222).start();
    stops.push(() => nats.stop());
    const databaseUrl = `postgresql://postgres:test@${postgres.getHost()}:${postgres.getMappedPort(5432)}/postgres`;
    await waitUntilAnswering(databaseUrl);
    return { databaseUrl, natsUrl: `nats://${nats.getHost()}:${nats.getMappedPort(4222)}`, stops };
  } catch (error) {
    // Typically an engine that cannot pull the images.
    console.error(`Docker cannot serve the tests (${(error as Error).message}); the embedded servers do`);
    for (const stop of stops.toReversed()) await stop().catch(() => {});
    return undefined;
  }
}

/** The image's entry point starts the server once to set it up, on a socket of its own, then again for everybody. */
async function waitUntilAnswering(databaseUrl: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (true) {
    try {
      return await pingPostgres(databaseUrl);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}
