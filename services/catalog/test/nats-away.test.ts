import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats } from '@florilegium/stack';
import { expect, it, onTestFinished } from 'vitest';
import { startHarness } from './harness.ts';

it('stays ready and serves while NATS is away, and tells of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'catalog-nats-'));
  const nats = await startNats({ folder, logFile: join(folder, 'nats.log'), log: () => {} });
  const harness = await startHarness('nats-away', { NATS_URL: nats.url });
  onTestFinished(async () => {
    await harness.close();
    await rm(folder, { recursive: true });
  });
  const ready = async () => {
    const { status, body } = await harness.get('/readyz');
    return [status, body];
  };
  expect(await ready()).toEqual([200, { status: 'ok', checks: { database: 'ok', nats: 'ok' } }]);
  await nats.stop();
  expect(await ready()).toEqual([200, { status: 'ok', checks: { database: 'ok', nats: 'away' } }]);
  expect((await harness.get('/v1/page-sets')).status).toBe(200);
}, 60_000);
