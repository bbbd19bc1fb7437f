import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExitStatus } from './guarded-process.ts';
import { identityOf, signalProcess, waitUntilGone } from './processes.ts';
import type { RunningPart } from './supervise.ts';

export interface ServiceProcessOptions {
  name: string;
  /** The program, run by the node that runs us. */
  main: string;
  args: readonly string[];
  env: Record<string, string>;
  logFile: string;
  /** Answers 200 when the service is ready. */
  readyUrl: string;
  readyTimeoutMs?: number;
  stopTimeoutMs?: number;
}

/**
 * Starts a service that ends when its standard input closes (EXIT_WITH_PARENT), and waits until it is ready. In a session
 * of its own, so that a terminal's Ctrl-C reaches only us and the services stop in order.
 */
export async function startServiceProcess(
  { name, main, args, env, logFile, readyUrl, readyTimeoutMs = 90_000, stopTimeoutMs = 20_000 }: ServiceProcessOptions,
  signal: AbortSignal,
): Promise<RunningPart> {
  signal.throwIfAborted();
  const log = openSync(logFile, 'a', 0o600);
  let child: ReturnType<typeof spawn>;
  try {
    child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
      env: { ...process.env, ...env, EXIT_WITH_PARENT: '1' },
      stdio: ['pipe', log, log],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
  child.stdin?.on('error', () => {});
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }));
    child.once('exit', (code, exitSignal) => resolve({ code, signal: exitSignal }));
  });
  const identity = child.pid === undefined ? undefined : identityOf(child.pid);
  const stop = async () => {
    if (identity === undefined) return;
    signalProcess(identity, 'SIGTERM');
    if (!(await waitUntilGone(identity, stopTimeoutMs))) signalProcess(identity, 'SIGKILL');
    await exited;
    child.stdin?.destroy();
  };
  const part: RunningPart = { identities: identity === undefined ? [] : [identity], exited, stop };

  const over = exited.then(() => 'ended' as const);
  const deadline = Date.now() + readyTimeoutMs;
  while (true) {
    if (signal.aborted || Date.now() > deadline) {
      await stop();
      signal.throwIfAborted();
      throw new Error(`${name} was not ready within ${readyTimeoutMs / 1000} s`);
    }
    if ((await Promise.race([over, isReady(readyUrl, signal)])) === true) return part;
    if ((await Promise.race([over, sleep(100)])) === 'ended') throw new Error(`${name} ended at its start`);
  }
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(3_000)]) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
