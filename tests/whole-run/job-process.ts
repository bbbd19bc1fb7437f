import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../libs/stack/src/main-job-main.ts', import.meta.url));

export interface Summary {
  ok: boolean;
  seconds: number;
  backbone: string;
  pages: number;
  candidates: number;
  images: number;
  imagesFailed: number;
  labels: number;
  iterations: {
    n: number;
    labels: number;
    heldoutAccuracy: number;
    heldoutAuc: number;
    disagreement: number;
    entropy: number;
  }[];
  list: {
    version: number;
    pages: number;
    precision: number;
    precisionLow: number;
    precisionHigh: number;
    recall: number;
  };
  baseline: { colouredShareAuc: number };
}

export interface JobProcess {
  child: ChildProcess;
  /** What it has said so far, on both streams. */
  output(): string;
  stdout(): string;
  /** Resolves when it has said `text`; rejects when it ended without. */
  said(text: string | RegExp): Promise<void>;
  ended: Promise<{ code: number | null; signal: string | null }>;
  /** SIGKILL to it and whatever shares its process group, as a terminal that is torn away would. */
  killGroup(): void;
}

/** The main job as `npm start` runs it, in a process group of its own. Offline: what the tests see does not hang on a download. */
export function startJob(args: readonly string[], env: Record<string, string> = {}): JobProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATABASE_URL: '', NATS_URL: '', FLORILEGIUM_MODELS: '', FLORILEGIUM_OFFLINE: '1', ...env },
  });
  let all = '';
  let out = '';
  child.stdout!.on('data', (chunk) => {
    all += chunk;
    out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    all += chunk;
  });
  let over = false;
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      resolve({ code, signal });
    });
  });
  return {
    child,
    output: () => all,
    stdout: () => out,
    said: async (text) => {
      const found = () => (typeof text === 'string' ? all.includes(text) : text.test(all));
      while (!found()) {
        if (over) throw new Error(`the job ended without saying ${text}; it said:\n${all}`);
        await sleep(50);
      }
    },
    ended,
    killGroup: () => process.kill(-child.pid!, 'SIGKILL'),
  };
}

/** The job run to its end with --exit; its last line as an object. */
export async function runJob(args: readonly string[], env?: Record<string, string>): Promise<Summary> {
  const job = startJob([...args, '--exit'], env);
  const { code } = await job.ended;
  if (code !== 0) throw new Error(`the job ended with ${code}; it said:\n${job.output()}`);
  return summaryOf(job);
}

export function summaryOf(job: JobProcess): Summary {
  return JSON.parse(job.stdout().trim().split('\n').at(-1)!) as Summary;
}

/** Process ids of the running parts of a data folder's stack. */
export async function pidsOf(dataDir: string): Promise<Record<string, number>> {
  const recorded = JSON.parse(await readFile(join(dataDir, 'processes.json'), 'utf8')) as Record<
    string,
    { pid: number }[] | { pid: number }
  >;
  return Object.fromEntries(Object.entries(recorded).map(([part, identity]) => [part, [identity].flat()[0]!.pid]));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
