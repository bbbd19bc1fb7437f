import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as others may find it again: the pid alone may have been given to a stranger since, pid and start together not. */
export interface ProcessIdentity {
  pid: number;
  /** The kernel's clock ticks since boot (Linux) or `ps`'s text (elsewhere): only ever compared for equality. */
  startedAt: string;
}

/** When this pid started, or undefined when no such process lives. A zombie counts as dead: it holds no file or port. */
export function processStartedAt(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      // The second field is the command in parentheses and may hold blanks, so fields count from the last parenthesis.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  try {
    const [state, ...started] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trim()
      .split(/\s+/);
    return state?.startsWith('Z') ? undefined : started.join(' ') || undefined;
  } catch {
    return undefined;
  }
}

export function identityOf(pid: number): ProcessIdentity | undefined {
  const startedAt = processStartedAt(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function isAlive(process: ProcessIdentity): boolean {
  return processStartedAt(process.pid) === process.startedAt;
}

/** Sends a signal to exactly this process; a process that ended meanwhile is no error. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until the process is gone; false when it still lives after `timeoutMs`. */
export async function waitUntilGone(target: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(target)) {
    if (Date.now() >= deadline) return false;
    await sleep(50);
  }
  return true;
}
