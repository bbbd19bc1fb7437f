import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { identityOf, type ProcessIdentity, signalProcess, waitUntilGone } from './processes.ts';

/** A user of the operating system, for programs that refuse to run as root. */
export interface UserIdentity {
  uid: number;
  gid: number;
}

/** What the guard program is told, as JSON in its first argument (so no secret belongs here). */
export interface GuardOrder {
  command: string;
  args: string[];
  cwd: string;
  stopSignal: 'SIGINT' | 'SIGTERM';
  /** After this long the program is killed. */
  stopTimeoutMs: number;
  identity?: UserIdentity;
}

export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface GuardedProcess {
  /** The guard and the program under it. */
  identities: ProcessIdentity[];
  exited: Promise<ExitStatus>;
  /** Stops the program and waits; safe to call twice and after its end. */
  stop(): Promise<void>;
}

/**
 * Starts a program under our guard, its output appended to `logFile`. Resolves once the program runs; rejects when it
 * cannot be run at all. In a session of its own, so that a terminal's Ctrl-C reaches only us and we stop things in order.
 */
export async function startGuarded(order: GuardOrder, logFile: string): Promise<GuardedProcess> {
  const log = openSync(logFile, 'a', 0o600);
  let guard: ChildProcess;
  try {
    guard = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        fileURLToPath(new URL('./guard-main.ts', import.meta.url)),
        JSON.stringify(order),
      ],
      {
        stdio: ['pipe', log, log, 'ipc'],
        detached: true,
      },
    );
  } finally {
    closeSync(log);
  }
  guard.stdin?.on('error', () => {});

  const exited = new Promise<ExitStatus>((resolve) => {
    guard.once('error', () => resolve({ code: 127, signal: null }));
    guard.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const started = new Promise<number | undefined>((resolve) => {
    guard.once('message', (message: { pid: number }) => resolve(message.pid));
    void exited.then(() => resolve(undefined));
  });
  const pid = await started;
  if (pid === undefined) throw new Error(`${order.command} could not be run, see ${logFile}`);
  // The channel has said all it had to say, and it must not keep this process alive.
  guard.channel?.unref();
  guard.unref();

  const program = identityOf(pid);
  const guardIdentity = guard.pid === undefined ? undefined : identityOf(guard.pid);
  // A guard that was itself killed leaves its program behind; nobody else would end it.
  void exited.then(() => program !== undefined && signalProcess(program, order.stopSignal));

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    guard.kill('SIGTERM');
    const gone = guardIdentity === undefined || (await waitUntilGone(guardIdentity, order.stopTimeoutMs + 2_000));
    if (!gone && guardIdentity !== undefined) signalProcess(guardIdentity, 'SIGKILL');
    if (program !== undefined && !(await waitUntilGone(program, 5_000))) signalProcess(program, 'SIGKILL');
    guard.stdin?.destroy();
  }
  return {
    identities: [guardIdentity, program].filter((identity) => identity !== undefined),
    exited,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
