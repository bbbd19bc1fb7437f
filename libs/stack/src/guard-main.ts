/**
 * Runs one program that does not know our rule "end when the parent ends" (PostgreSQL, nats-server), and keeps the rule
 * for it: when standard input closes, which happens however the parent died, the program is stopped.
 *
 * argv[2] is a GuardOrder in JSON. The program's pid goes to the parent over the IPC channel; its exit status is ours.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { GuardOrder } from './guarded-process.ts';

const order: GuardOrder = JSON.parse(process.argv[2] ?? '');
const child = spawn(order.command, order.args, {
  cwd: order.cwd,
  stdio: ['ignore', 'inherit', 'inherit'],
  ...(order.identity === undefined ? {} : { uid: order.identity.uid, gid: order.identity.gid }),
});

let stopping = false;
function stop(): void {
  if (stopping) return;
  stopping = true;
  child.kill(order.stopSignal);
  setTimeout(() => child.kill('SIGKILL'), order.stopTimeoutMs).unref();
}

child.on('spawn', () => process.send?.({ pid: child.pid }));
child.on('error', (error) => {
  console.error(`cannot run ${order.command}: ${error.message}`);
  process.exit(127);
});
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128 + constants.signals[signal])));

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.on('disconnect', stop);
process.stdin.on('end', stop).on('close', stop).on('error', stop).resume();
