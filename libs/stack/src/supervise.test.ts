import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ExitStatus } from './guarded-process.ts';
import { type RunningPart, supervise } from './supervise.ts';

let folder: string;
let logFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'florilegium-supervise-'));
  logFile = join(folder, 'part.log');
  await writeFile(
    logFile,
    '{"level":"fatal","msg":"could not start","reason":"no disk"}\n{"level":"info","msg":"stopped"}\n',
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** A part without a process, that ends when told. */
function aPart() {
  const exited = Promise.withResolvers<ExitStatus>();
  let stops = 0;
  const part: RunningPart = {
    identities: [],
    exited: exited.promise,
    stop: async () => {
      stops++;
      exited.resolve({ code: 0, signal: null });
    },
  };
  return { part, die: () => exited.resolve({ code: null, signal: 'SIGKILL' }), stops: () => stops };
}

const quick = { name: 'catalog', firstDelayMs: 1, delayMsMax: 4, log: () => {} };

it('starts a part again that died, after stopping what is left of it', async () => {
  const made: ReturnType<typeof aPart>[] = [];
  const supervised = await supervise({
    ...quick,
    logFile,
    start: async () => {
      const next = aPart();
      made.push(next);
      return next.part;
    },
  });
  made[0]?.die();
  await expect.poll(() => made.length).toBe(2);
  expect(made[0]?.stops()).toBe(1);
  await supervised.stop();
  expect(made[1]?.stops()).toBeGreaterThan(0);
  expect(made).toHaveLength(2);
});

it('gives up after five fast deaths in a row and names the end of the log', async () => {
  let starts = 0;
  const lines: string[] = [];
  const supervised = await supervise({
    ...quick,
    logFile,
    log: (line) => lines.push(line),
    start: async () => {
      starts++;
      const next = aPart();
      next.die();
      return next.part;
    },
  });
  const error = await supervised.failed;
  expect(error.message).toBe(`catalog ended (SIGKILL), 5 times in a row; see ${logFile}: could not start: no disk`);
  expect(starts).toBe(5);
  expect(lines.filter((line) => line.includes('starting it again in')).map((line) => line.split(' in ')[1])).toEqual([
    '0.001 s',
    '0.002 s',
    '0.004 s',
    '0.004 s',
  ]);
  await supervised.stop();
});

it('counts a restart that fails as a death', async () => {
  let starts = 0;
  const supervised = await supervise({
    ...quick,
    logFile,
    start: async () => {
      if (++starts > 1) throw new Error('not ready');
      const next = aPart();
      next.die();
      return next.part;
    },
  });
  expect((await supervised.failed).message).toContain('did not start again, 5 times in a row');
  await supervised.stop();
});

it('forgets fast deaths once a part has lived long enough', async () => {
  let starts = 0;
  const supervised = await supervise({
    ...quick,
    logFile,
    steadyAfterMs: -1,
    start: async () => {
      starts++;
      const next = aPart();
      next.die();
      return next.part;
    },
  });
  await expect.poll(() => starts, { timeout: 5_000 }).toBeGreaterThan(20);
  await supervised.stop();
});

it('rejects when the first start fails four times', async () => {
  let starts = 0;
  const start = async () => {
    starts++;
    throw new Error('never');
  };
  await expect(supervise({ ...quick, logFile, start })).rejects.toThrow(
    `catalog did not start: could not start: no disk (see ${logFile})`,
  );
  expect(starts).toBe(4);
});

it('stops a part whose start was under way', async () => {
  const slow = Promise.withResolvers<RunningPart>();
  const first = aPart();
  const second = aPart();
  let starts = 0;
  const supervised = await supervise({
    ...quick,
    logFile,
    start: async () => (++starts === 1 ? first.part : await slow.promise),
  });
  first.die();
  await expect.poll(() => starts).toBe(2);
  const stopped = supervised.stop();
  slow.resolve(second.part);
  await stopped;
  expect(second.stops()).toBe(1);
});
