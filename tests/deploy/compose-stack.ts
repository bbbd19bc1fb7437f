// compose.yaml with the simulated BHL beside it, for tests: started, scaled, restarted container by container, and taken away.
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hashApiKey } from '@florilegium/auth';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const outputMax = 64 << 20;

export const curatorKey = 'simulated-curator-of-the-compose-stack';
const library = JSON.stringify(
  [
    { name: 'simulated-bucket', addressing: 'bucket' },
    { name: 'simulated-bhl', addressing: 'pageimage' },
  ].map((source) => ({ ...source, baseUrl: 'http://simulated-bhl:8090', requestsPerSecond: 500, inFlightMax: 32 })),
);

function works(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

/** The compose command: the plugin, or the older program. */
const compose = works('docker', 'compose', 'version')
  ? ['docker', 'compose']
  : works('docker-compose', 'version')
    ? ['docker-compose']
    : undefined;

/** What a compose stack needs here and is not there; undefined when all is. */
export function missingForCompose(images: readonly string[]): string | undefined {
  if (!works('docker', 'info')) return 'a Docker engine';
  if (!compose) return 'docker compose';
  const absent = images.filter((image) => !works('docker', 'image', 'inspect', image));
  return absent.length > 0 ? `images ${absent.join(', ')} (deploy/build-images.sh)` : undefined;
}

export interface ComposeOptions {
  project: string;
  folder: string;
  libraryDir: string;
  port: number;
  tag?: string;
  postgresImage?: string;
  natsImage?: string;
}

export interface Container {
  id: string;
  /** As in compose.yaml. */
  service: string;
}

export type ComposeStack = Awaited<ReturnType<typeof startCompose>>;

/** Writes the environment, starts everything with `replicas` and waits until all containers are healthy. */
export async function startCompose(options: ComposeOptions, replicas: Record<string, number>) {
  const envFile = `${options.folder}/compose.env`;
  const printed = execFileSync('sh', [`${root}/deploy/make-compose-env.sh`, envFile], { encoding: 'utf8' });
  const operatorKey = printed.trim().split(' ').at(-1)!;
  const keys = execFileSync('sed', ['-n', 's/^API_KEYS=//p', envFile], { encoding: 'utf8' }).trim();
  appendFileSync(
    envFile,
    Object.entries({
      API_KEYS: `${keys},simulated-curator:curator:${hashApiKey(curatorKey)}`,
      PORT: options.port,
      CHECKOUT: root,
      LIBRARY: options.libraryDir,
      IMPORT_HOSTS: 'simulated-bhl:8090',
      SOURCES: library,
      BACKBONE: 'classic',
      POSTGRES_IMAGE: options.postgresImage ?? 'postgres:15',
      NATS_IMAGE: options.natsImage ?? 'nats:2',
    })
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  let tag = options.tag ?? '0.1.0';
  const files = ['-f', `${root}/compose.yaml`, '-f', `${root}/tests/deploy/compose.sample.yaml`];
  const command = [...compose!, '-p', options.project, '--project-directory', root, '--env-file', envFile, ...files];
  const call = async (...args: string[]) => {
    const all = [...command.slice(1), ...args];
    const { stdout } = await run(command[0]!, all, { maxBuffer: outputMax, env: { ...process.env, TAG: tag } });
    return stdout;
  };
  const containers = async (): Promise<Container[]> => {
    const filter = `label=com.docker.compose.project=${options.project}`;
    const format = '{{.ID}} {{.Label "com.docker.compose.service"}}';
    const { stdout } = await run('docker', ['ps', '--no-trunc', '--filter', filter, '--format', format]);
    return stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => ({ id: line.split(' ')[0]!, service: line.split(' ')[1]! }));
  };
  const health = async (id: string) =>
    (
      await run('docker', [
        'inspect',
        '--format',
        '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}',
        id,
      ])
    ).stdout.trim();
  const waitHealthy = async (id: string, timeoutMs = 180_000) => {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const state = await health(id);
      if (state === 'healthy' || state === 'none') return;
      if (Date.now() > deadline) throw new Error(`${id} is ${state} after ${timeoutMs / 1000} s`);
      await sleep(300);
    }
  };
  const up = async () => {
    await call(
      'up',
      '-d',
      '--remove-orphans',
      ...Object.entries(replicas).flatMap(([name, count]) => ['--scale', `${name}=${count}`]),
    );
    for (const { id } of await containers()) await waitHealthy(id);
  };
  const startedAt = Date.now();
  try {
    await up();
  } catch (error) {
    const { stdout, stderr } = await run('docker', ['ps', '-a']);
    console.error(stdout, stderr);
    throw error;
  }
  return {
    url: `http://127.0.0.1:${options.port}`,
    operatorKey,
    /** As a shell types it. */
    command: command.join(' '),
    startedMs: Date.now() - startedAt,
    call,
    containers,
    waitHealthy,
    /** Stops one container in order (SIGTERM, 30 s) and starts it again. Gives the status that it ended with and how long that took. */
    restart: async ({ id }: Container) => {
      const stoppedAt = Date.now();
      await run('docker', ['stop', '--time', '30', id]);
      const stopMs = Date.now() - stoppedAt;
      const status = Number((await run('docker', ['inspect', '--format', '{{.State.ExitCode}}', id])).stdout);
      await run('docker', ['start', id]);
      await waitHealthy(id);
      return { status, stopMs };
    },
    /** From the engine's start of a container to its line `started`. */
    startMsOf: async ({ id }: Container) => {
      const { stdout } = await run('docker', ['inspect', '--format', '{{.State.StartedAt}}', id]);
      const logs = await run('docker', ['logs', id], { maxBuffer: outputMax });
      const line = logs.stdout.split('\n').findLast((text) => text.includes('"msg":"started"'));
      return line === undefined ? undefined : Date.parse(JSON.parse(line).time) - Date.parse(stdout.trim());
    },
    /** Runs all services from the images of another tag. */
    changeTag: async (next: string) => {
      tag = next;
      await up();
    },
    logs: async () => call('logs', '--no-color'),
    down: async () => {
      await call('down', '-v', '--remove-orphans', '-t', '5').catch(() => {});
    },
  };
}
