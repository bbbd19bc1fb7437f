import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hashApiKey } from '@florilegium/auth';
import { startGateway } from '@florilegium/gateway';
import { readStackConfig } from './config.ts';
import { type DataFolder, openDataFolder, rolePasswordOf } from './data-folder.ts';
import { freePort, isPortFree } from './free-port.ts';
import { boundLogFiles } from './log-files.ts';
import { checkNats, startNats } from './nats-server.ts';
import { startPostgres } from './postgres.ts';
import { postgresFolder } from './postgres-folder.ts';
import { provisionDatabase } from './provision-database.ts';
import { startServiceProcess } from './service-process.ts';
import { type StackProgram, servicePrograms } from './service-programs.ts';
import { type RunningPart, type SupervisedPart, supervise } from './supervise.ts';

export interface StackOptions {
  /** Everything is kept here; made when missing. */
  dataDir: string;
  /** 0 takes any free one. */
  gatewayPort: number;
  /** From left to right; the five services when not given. `servicePrograms` can be extended, for example by the simulated BHL before them. */
  programs?: readonly StackProgram[];
  /** Added to the environment of every program. */
  env?: Record<string, string>;
  /** Added to the environment of one program, by its name; told the origins of all programs (`http://127.0.0.1:…`). */
  programEnv?: (urls: Record<string, string>) => Record<string, Record<string, string>>;
  /** Servers to use in place of the embedded ones; DATABASE_URL and NATS_URL when not given. */
  databaseUrl?: string;
  natsUrl?: string;
  /** `off` (the default) only because everything listens on the loopback. */
  auth?: 'on' | 'off';
  /** Entries `name:role:sha256`, as in API_KEYS; the services' own key is added. */
  apiKeys?: string;
  /** False makes the embedded PostgreSQL faster and unsafe against a crash of the machine: tests only. */
  durable?: boolean;
  /** Told what is being done, in one line each. */
  log: (line: string) => void;
  /** Ends a start that is under way; after it, call `stop`. */
  signal?: AbortSignal;
}

export interface RunningStack {
  dataDir: string;
  logsDir: string;
  gatewayUrl: string;
  /** By program. */
  databaseUrls: Record<string, string>;
  natsUrl: string;
  /** Origins by program. */
  serviceUrls: Record<string, string>;
  /** host:port by program that serves gRPC. */
  grpcAddresses: Record<string, string>;
  /** A `file:` address. */
  objectStoreUrl: string;
  /** An operator's key, for calls with `auth: 'on'`. */
  serviceApiKey: string;
  /** Process ids by part: the programs, `postgres` and `nats` (their guard first). */
  pids(): Record<string, number[]>;
  /** Resolves, never rejects, when a part cannot be kept running; the stack has stopped by then. */
  failed: Promise<Error>;
  /** Stops everything in reverse order and waits; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts everything on this machine's loopback and waits until it is ready. When a part does not start, all are stopped
 * and the error says in one line which and why.
 */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const { log, programs = servicePrograms } = options;
  // One part that does not start ends the wait for the others.
  const givingUp = new AbortController();
  const signal = AbortSignal.any([givingUp.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const config = readStackConfig();
  const databaseUrl = options.databaseUrl ?? config.databaseUrl;
  const natsUrl = options.natsUrl ?? config.natsUrl;
  const stops: (() => unknown)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      if (stops.length > 0) log('stopping');
      for (const stopPart of stops.toReversed()) await stopPart();
    })();
    return stopping;
  };

  try {
    signal.throwIfAborted();
    const data = await openDataFolder(resolve(options.dataDir), log);
    stops.push(data.release);
    stops.push(boundLogFiles(data.logsDir));
    const logFileOf = (name: string) => join(data.logsDir, `${name}.log`);

    const parts: Record<string, SupervisedPart> = {};
    const keep = async (name: string, start: (aborted: AbortSignal) => Promise<RunningPart>): Promise<void> => {
      const startedAt = Date.now();
      const part = await supervise({
        name,
        logFile: logFileOf(name),
        start,
        log,
        signal,
        onStart: ([first]) => data.recordProcess(name, first),
      });
      parts[name] = part;
      stops.push(part.stop);
      log(`${name} is ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    };

    const ports = await choosePorts(data, programs);
    const origin = (port: number | undefined) => `http://127.0.0.1:${port}`;
    const urls = Object.fromEntries(programs.map(({ name }) => [name, origin(ports[name])]));

    // First, so that a port in use shows at once; until the services stand it answers 503.
    const gateway = await startGateway({
      port: options.gatewayPort,
      routes: programs.flatMap(({ name, gatewayPaths = [] }) =>
        gatewayPaths.map((path) => ({ path, url: urls[name] ?? '' })),
      ),
      refuseForeignPages: options.auth !== 'on',
      log,
    });
    stops.push(gateway.close);

    let adminUrl = databaseUrl;
    const startDatabase = async () => {
      if (databaseUrl !== undefined) return log(`DATABASE_URL is set: PostgreSQL is ${placeOf(databaseUrl)}`);
      const { folder, user } = await postgresFolder(data.dir, data.secrets.installation, log);
      await keep('postgres', async () => {
        const postgres = await startPostgres({
          folder,
          password: data.secrets.postgresPassword,
          logFile: logFileOf('postgres'),
          log,
          port: ports.postgres,
          durable: options.durable,
          user,
        });
        adminUrl = postgres.adminUrl;
        return postgres;
      });
    };
    const startMessaging = async () => {
      if (natsUrl !== undefined) {
        log(`NATS_URL is set: NATS is ${placeOf(natsUrl)}`);
        return await checkNats(natsUrl);
      }
      const folder = join(data.dir, 'nats');
      await keep('nats', () => startNats({ folder, logFile: logFileOf('nats'), log, port: ports.nats }));
    };
    await allOrNone([startDatabase(), startMessaging()], givingUp);
    signal.throwIfAborted();

    const databaseUrls = await provisionDatabase({
      adminUrl: adminUrl ?? '',
      names: programs.filter(({ ownsSchema }) => ownsSchema).map(({ name }) => name),
      passwordOf: (name) => rolePasswordOf(data.secrets, name),
      owned: databaseUrl === undefined,
      installation: data.secrets.installation,
      log,
    });

    const objectStore = join(data.dir, 'objects');
    await mkdir(objectStore, { recursive: true });
    const shared: Record<string, string> = {
      ROLE: 'all',
      HTTP_HOST: '127.0.0.1',
      GRPC_HOST: '127.0.0.1',
      NATS_URL: natsUrl ?? `nats://127.0.0.1:${ports.nats}`,
      OBJECT_STORE: pathToFileURL(objectStore).href,
      AUTH: options.auth ?? 'off',
      API_KEYS: [`service:operator:${hashApiKey(data.secrets.serviceApiKey)}`, options.apiKeys ?? ''].join(','),
      SERVICE_API_KEY: data.secrets.serviceApiKey,
    };
    const ownEnv = options.programEnv?.(urls) ?? {};
    const grpcAddresses: Record<string, string> = {};
    const starts: (() => Promise<void>)[] = [];
    for (const program of programs) {
      const { name, main, args = [], readyPath = '/readyz' } = program;
      const neighbours = Object.entries(grpcAddresses).map(([left, address]) => [`${variable(left)}_GRPC`, address]);
      const env = {
        ...shared,
        ...Object.fromEntries(neighbours),
        HTTP_PORT: String(ports[name]),
        ...(program.servesGrpc ? { GRPC_PORT: String(ports[`${name}-grpc`]) } : {}),
        ...(program.ownsSchema ? { DATABASE_URL: databaseUrls[name] ?? '' } : {}),
        ...options.env,
        ...program.env,
        ...ownEnv[name],
      };
      if (program.servesGrpc) grpcAddresses[name] = `127.0.0.1:${ports[`${name}-grpc`]}`;
      const readyUrl = `${urls[name]}${readyPath}`;
      starts.push(() =>
        keep(name, (aborted) =>
          startServiceProcess({ name, main, args, env, logFile: logFileOf(name), readyUrl }, aborted),
        ),
      );
    }
    await allOrNone(
      starts.map((start) => start()),
      givingUp,
    );
    // They became ready in any order; they stop from right to left.
    reorderStops(stops, programs, parts);
    signal.throwIfAborted();

    const firstFailure = Promise.race(Object.values(parts).map(({ failed }) => failed));
    return {
      dataDir: data.dir,
      logsDir: data.logsDir,
      gatewayUrl: gateway.url,
      databaseUrls,
      natsUrl: shared.NATS_URL ?? '',
      serviceUrls: urls,
      grpcAddresses,
      objectStoreUrl: shared.OBJECT_STORE ?? '',
      serviceApiKey: data.secrets.serviceApiKey,
      pids: () =>
        Object.fromEntries(
          Object.entries(parts).map(([name, part]) => [name, part.identities().map(({ pid }) => pid)]),
        ),
      failed: firstFailure.then(async (error) => {
        await stop();
        return error;
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ports of the last run where they are free, so that addresses in bookmarks and logs stay true; else new ones. */
async function choosePorts(data: DataFolder, programs: readonly StackProgram[]): Promise<Record<string, number>> {
  const names = ['postgres', 'nats', ...programs.flatMap(({ name }) => [name, `${name}-grpc`])];
  const ports: Record<string, number> = {};
  const taken = new Set<number>();
  for (const name of names) {
    const before = data.portsBefore[name];
    const port =
      before !== undefined && !taken.has(before) && (await isPortFree(before)) ? before : await freePort(taken);
    taken.add(port);
    ports[name] = port;
  }
  await data.keepPorts(ports);
  return ports;
}

/** Throws the first error once all have ended, well or not: whatever started is then known to `stops`. */
async function allOrNone(starting: readonly Promise<void>[], givingUp: AbortController): Promise<void> {
  const errors: unknown[] = [];
  const giveUp = (error: unknown) => {
    errors.push(error);
    givingUp.abort(error);
  };
  await Promise.all(starting.map((start) => start.catch(giveUp)));
  if (errors.length > 0) throw errors[0];
}

function reorderStops(
  stops: (() => unknown)[],
  programs: readonly StackProgram[],
  parts: Record<string, SupervisedPart>,
): void {
  const ordered = programs.map(({ name }) => parts[name]?.stop).filter((stop) => stop !== undefined);
  const others = stops.filter((stop) => !ordered.includes(stop as SupervisedPart['stop']));
  stops.splice(0, stops.length, ...others, ...ordered);
}

/** An address without its user and password. */
function placeOf(url: string): string {
  return url
    .replace(/^[^/]*\/\//, '')
    .replaceAll(/[^@,/]*@/g, '')
    .replace(/\?.*$/, '');
}

function variable(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
