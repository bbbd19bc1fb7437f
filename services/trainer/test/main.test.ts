import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createTestDatabase } from '@florilegium/db';
import { freePort } from '@florilegium/stack';
import { expect, inject, it, vi } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

it('starts on an empty database, is ready, tells its API, and stops cleanly', async () => {
  const database = await createTestDatabase(inject('databaseUrl'));
  const folder = await mkdtemp(join(tmpdir(), 'trainer-main-'));
  const port = await freePort();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ROLE: 'all',
      HTTP_PORT: String(port),
      GRPC_PORT: '0',
      DATABASE_URL: database.url,
      NATS_URL: inject('natsUrl'),
      NATS_NAMESPACE: `trainer-main-${port}`,
      OBJECT_STORE: pathToFileURL(folder).href,
      AUTH: 'off',
      LOG_LEVEL: 'error',
      CATALOG_GRPC: '127.0.0.1:1',
      FETCHER_GRPC: '127.0.0.1:1',
      INFERENCE_GRPC: '127.0.0.1:1',
      CURATION_GRPC: '127.0.0.1:1',
    },
  });
  const address = `http://127.0.0.1:${port}`;
  await vi.waitFor(async () => expect((await fetch(`${address}/readyz`)).status).toBe(200), {
    timeout: 20_000,
    interval: 200,
  });
  const api = (await (await fetch(`${address}/v1/openapi/trainer.json`)).json()) as { openapi: string; paths: object };
  const { openapi, paths } = api;
  expect(openapi).toBe('3.1.0');
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining([
      '/v1/trainings',
      '/v1/trainings/{id}',
      '/v1/trainings/{id}/events',
      '/v1/trainings/{id}/cancel',
    ]),
  );
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  await database.drop();
  await rm(folder, { recursive: true });
});

it('names every variable that is missing, in one line', async () => {
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH },
  });
  let text = '';
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  expect(await once(child, 'exit')).toEqual([1, null]);
  for (const name of ['DATABASE_URL', 'NATS_URL', 'OBJECT_STORE', 'CURATION_GRPC', 'FETCHER_GRPC', 'HTTP_PORT'])
    expect(text).toContain(`${name} is`);
  expect(text.trimEnd().split('\n')).toHaveLength(1);
});
