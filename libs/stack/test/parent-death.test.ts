import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { processStartedAt } from '../src/processes.ts';

const main = fileURLToPath(new URL('./start-stack-main.ts', import.meta.url));
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'florilegium-stack-'));
  await chmod(dataDir, 0o711);
});
const started: number[] = [];
afterAll(async () => {
  for (const pid of alive(started)) process.kill(pid, 'SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

async function startParent(): Promise<{ parent: ChildProcess; pids: number[]; byPart: Record<string, number[]> }> {
  const { DATABASE_URL: _, NATS_URL: __, ...env } = process.env;
  const parent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env,
  });
  const [line] = await once(createInterface(parent.stdout!), 'line');
  const { pids } = JSON.parse(line as string) as { pids: Record<string, number[]> };
  started.push(parent.pid!, ...Object.values(pids).flat());
  return { parent, pids: Object.values(pids).flat(), byPart: pids };
}

const alive = (pids: number[]) => pids.filter((pid) => processStartedAt(pid) !== undefined);

it('leaves no process when the parent is killed, alone or with its process group, and starts again at once', async () => {
  const first = await startParent();
  expect(alive(first.pids)).toHaveLength(6);
  first.parent.kill('SIGKILL');
  // At once, while the servers of the first may still be ending.
  const second = await startParent();
  expect(alive(first.pids)).toEqual([]);
  expect(alive(second.pids)).toHaveLength(6);

  process.kill(-second.parent.pid!, 'SIGKILL');
  await expect.poll(() => alive(second.pids), { timeout: 15_000 }).toEqual([]);
});

it('ends programs whose guards were killed with the parent at the next start', async () => {
  const first = await startParent();
  const [[postgresGuard, postmaster], [natsGuard, natsServer]] = [first.byPart.postgres, first.byPart.nats] as [
    [number, number],
    [number, number],
  ];
  for (const pid of [first.parent.pid!, postgresGuard, natsGuard]) process.kill(pid, 'SIGKILL');
  const servers = [postmaster, natsServer].toSorted();
  await expect.poll(() => alive(first.pids).toSorted(), { timeout: 10_000 }).toEqual(servers);
  const second = await startParent();
  expect(alive(first.pids)).toEqual([]);
  second.parent.kill('SIGKILL');
  await expect.poll(() => alive(second.pids), { timeout: 15_000 }).toEqual([]);
}, 120_000);
