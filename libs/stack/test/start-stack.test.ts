import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processStartedAt } from '../src/processes.ts';
import { type RunningStack, type StackOptions, startStack } from '../src/start-stack.ts';
import { tinyPrograms } from './tiny-programs.ts';

// The stack brings its own servers here; those of the environment are not for it.
delete process.env.DATABASE_URL;
delete process.env.NATS_URL;

let dataDir: string;
const said: string[] = [];
const start = (options: Partial<StackOptions> = {}) =>
  startStack({
    dataDir,
    gatewayPort: 0,
    programs: tinyPrograms,
    durable: false,
    log: (line) => said.push(line),
    ...options,
  });

const alive = (pids: number[]) => pids.filter((pid) => processStartedAt(pid) !== undefined);
/** What a tiny service answers: what it was given. */
interface Told {
  service: string;
  pid: number;
  headers: Record<string, string>;
  env: Record<string, string>;
}
const json = async (url: string) => (await (await fetch(url)).json()) as Told;

async function query(url: string | undefined, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function askJetStream(url: string, subject: string, request: object = {}): Promise<unknown> {
  const connection = await connect({ servers: url });
  try {
    return (await connection.request(`$JS.API.${subject}`, JSON.stringify(request), { timeout: 5_000 })).json();
  } finally {
    await connection.close();
  }
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'florilegium stack '));
  // PostgreSQL's user must be able to pass through when root runs the tests.
  await chmod(dataDir, 0o711);
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

describe('a running stack', () => {
  let stack: RunningStack;
  beforeAll(async () => {
    stack = await start();
  });
  afterAll(() => stack?.stop());

  it('sends each path to its service and the rest to the last', async () => {
    const serviceAt = async (path: string) => (await json(stack.gatewayUrl + path)).service;
    expect(await serviceAt('/v1/left')).toBe('left');
    expect(await serviceAt('/v1/left/12?size=medium')).toBe('left');
    expect(await serviceAt('/v1/leftover')).toBe('right');
    expect(await serviceAt('/')).toBe('right');
  });

  it('passes method, query, body and request id on', async () => {
    const response = await fetch(`${stack.gatewayUrl}/v1/right/x?a=1&a=2`, {
      method: 'POST',
      body: '{"label":"HQ"}',
      headers: { 'content-type': 'application/json', 'x-request-id': 'mine-1' },
    });
    expect(response.headers.get('x-request-id')).toBe('mine-1');
    expect(await response.json()).toMatchObject({
      method: 'POST',
      url: '/v1/right/x?a=1&a=2',
      body: '{"label":"HQ"}',
      headers: { 'x-request-id': 'mine-1' },
    });
  });

  it('gives every request an id', async () => {
    const { headers } = await json(`${stack.gatewayUrl}/v1/left`);
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('passes server-sent events on as they come, and the leaving of the reader', async () => {
    const reader = new AbortController();
    const response = await fetch(`${stack.gatewayUrl}/v1/left/events`, { signal: reader.signal });
    const chunks: string[] = [];
    for await (const chunk of response.body ?? []) {
      chunks.push(Buffer.from(chunk).toString());
      if (chunks.length === 3) break;
    }
    reader.abort();
    expect(chunks).toEqual(['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']);
    await expect
      .poll(() => readFile(join(stack.logsDir, 'left.log'), 'utf8'), { timeout: 3_000 })
      .toContain('the reader of events left');
  });

  it('tells services where PostgreSQL, NATS, objects and the services to their left are', async () => {
    const { env } = await json(`${stack.gatewayUrl}/v1/right`);
    expect(env).toMatchObject({
      ROLE: 'all',
      DATABASE_URL: stack.databaseUrls.right,
      NATS_URL: stack.natsUrl,
      LEFT_GRPC: stack.grpcAddresses.left,
      OBJECT_STORE: stack.objectStoreUrl,
    });
    expect(env.RIGHT_GRPC).toBeUndefined();
    expect((await json(`${stack.gatewayUrl}/v1/left`)).env.RIGHT_GRPC).toBeUndefined();
  });

  it('gives each service a schema that the others may not read', async () => {
    await query(stack.databaseUrls.left, 'create table "left".page (id int)');
    await expect(query(stack.databaseUrls.right, 'select * from "left".page')).rejects.toThrow('permission denied');
  });

  it('starts a killed service again, and a reader waits for it', async () => {
    const [pid] = stack.pids().left ?? [];
    process.kill(pid ?? 0, 'SIGKILL');
    const answer = await json(`${stack.gatewayUrl}/v1/left`);
    expect(answer.pid).not.toBe(pid);
    expect(answer.service).toBe('left');
    await expect.poll(() => stack.pids().left, { timeout: 5_000 }).toEqual([answer.pid]);
  });

  it('answers with a problem document when a service breaks the connection', async () => {
    const response = await fetch(`${stack.gatewayUrl}/v1/left/cut`, { method: 'POST', body: 'x' });
    expect(response.status).toBe(502);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'unavailable', status: 502 });
  });

  it.each(['the postmaster', 'its guard'])(
    'starts PostgreSQL again on the same port when %s is killed',
    async (which) => {
      const [guard, postmaster] = stack.pids().postgres ?? [];
      await query(stack.databaseUrls.left, 'create table if not exists "left".kept (id int)');
      process.kill((which === 'its guard' ? guard : postmaster) ?? 0, 'SIGKILL');
      await expect.poll(() => alive([guard ?? 0, postmaster ?? 0]), { timeout: 10_000 }).toEqual([]);
      await expect
        .poll(() => query(stack.databaseUrls.left, 'select * from "left".kept').catch(() => 'not yet'), {
          timeout: 20_000,
        })
        .toEqual([]);
      await expect.poll(() => alive(stack.pids().postgres ?? []), { timeout: 5_000 }).toHaveLength(2);
    },
  );

  it('refuses a second stack on the same data in one line', async () => {
    await expect(start()).rejects.toThrow(/^another stack runs on the data folder .* \(pid \d+\)$/);
  });

  it('keeps secrets from others', async () => {
    expect((await stat(join(dataDir, 'secrets.json'))).mode & 0o077).toBe(0);
  });
});

describe('stop', () => {
  it('ends every process, and the next start finds rows and streams again', async () => {
    const first = await start();
    await query(first.databaseUrls.left, 'create table "left".label as select 7 as page_id');
    await askJetStream(first.natsUrl, 'STREAM.CREATE.kept', { name: 'kept', subjects: ['kept.>'] });
    const pids = Object.values(first.pids()).flat();
    expect(alive(pids)).toHaveLength(6);
    await first.stop();
    expect(alive(pids)).toEqual([]);

    const second = await start();
    try {
      expect(await query(second.databaseUrls.left, 'select page_id from "left".label')).toEqual([{ page_id: 7 }]);
      expect(await askJetStream(second.natsUrl, 'STREAM.INFO.kept')).toMatchObject({
        config: { subjects: ['kept.>'] },
      });
    } finally {
      await second.stop();
    }
  });
});

describe('a start that cannot succeed', () => {
  it('says in one line that the port is taken, and leaves nothing running', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await sleep(50);
    const { port } = squatter.address() as { port: number };
    await expect(start({ gatewayPort: port })).rejects.toThrow(
      `port ${port} is in use: stop what listens there, or choose another with --port`,
    );
    squatter.close();
    // The lock is free again.
    await (await start()).stop();
  });

  it('says what the service said last, and stops the others', async () => {
    const [left, right] = tinyPrograms;
    const broken = { ...right!, env: { FAULT: 'HTTP_PORT is not a whole number: x' } };
    await expect(start({ programs: [left!, broken] })).rejects.toThrow(
      /^right did not start: .*HTTP_PORT is not a whole number: x \(see .*right\.log\)$/,
    );
    const recorded = await readFile(join(dataDir, 'processes.json'), 'utf8').catch(() => 'none');
    expect(recorded).toBe('none');
  });

  it('ends when it is told to stop in the middle', async () => {
    const slow = tinyPrograms.map((program) => ({ ...program, env: { ...program.env, START_MS: '60000' } }));
    const wish = new AbortController();
    const starting = start({ programs: slow, signal: wish.signal });
    setTimeout(() => wish.abort(new Error('stopped by SIGINT')), 3_000);
    await expect(starting).rejects.toThrow('stopped by SIGINT');
    await (await start()).stop();
  });

  it('names a data folder that cannot be written', async () => {
    await expect(start({ dataDir: '/dev/null/data' })).rejects.toThrow(
      /^the data folder \/dev\/null\/data cannot be written: /,
    );
  });

  it('names the server that DATABASE_URL means, without its password', async () => {
    const starting = start({ databaseUrl: 'postgresql://ada:secret@127.0.0.1:9/books' });
    await expect(starting).rejects.toThrow(/^DATABASE_URL: cannot connect to 127\.0\.0\.1:9: (?!.*secret)/);
    expect(said).toContain('DATABASE_URL is set: PostgreSQL is 127.0.0.1:9/books');
  });
});
