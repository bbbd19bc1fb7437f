import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface MeasuredProcess {
  child: ChildProcess;
  /** Largest resident memory so far, in bytes: the kernel's own high-water mark where it tells one (Linux), else not known. */
  peakBytes(): number | undefined;
  /** Resolves with the seconds from start to end; rejects when the process fails. */
  ended: Promise<number>;
}

/** Starts a process and watches its memory four times a second. */
export function startMeasured(command: string, args: readonly string[], options: SpawnOptions = {}): MeasuredProcess {
  const startedAt = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  let peak: number | undefined;
  const look = () => {
    try {
      const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      if (kib !== undefined) peak = Number(kib) * 1024;
    } catch {}
  };
  const timer = setInterval(look, 250);
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearInterval(timer);
      if (code === 0) resolve((performance.now() - startedAt) / 1000);
      else reject(new Error(`${command} ended with ${code ?? signal}`));
    });
  });
  // A process that runs until it is told to stop is not waited for.
  ended.catch(() => {});
  const peakBytes = () => {
    look();
    return peak;
  };
  return { child, peakBytes, ended };
}
