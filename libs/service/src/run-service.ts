import { messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';

export interface Lifetime {
  /** Registers what must be stopped; stops run in reverse order of registration. */
  onStop(part: string, stop: () => unknown): void;
  /** Aborted when stopping begins. */
  signal: AbortSignal;
}

export interface RunServiceOptions {
  log: Log;
  /** Starts the parts in order, registering each with `lifetime.onStop` as soon as it stands. */
  start(lifetime: Lifetime): Promise<void>;
  /** Ends when standard input closes: the stack holds the other end, so a service never outlives it, not even after SIGKILL. */
  endWithParent: boolean;
  stopTimeoutMs?: number;
  /** The same when the parent has ended: PostgreSQL and NATS end with it, so there is little left to finish, and the next start waits. */
  orphanStopTimeoutMs?: number;
}

/** The life of a service process: start, run until SIGTERM, SIGINT or the parent's end, stop in reverse, exit 0; any failure exits 1. */
export function runService({
  log,
  start,
  endWithParent,
  stopTimeoutMs = 15_000,
  orphanStopTimeoutMs = 3_000,
}: RunServiceOptions): void {
  const stops: { part: string; stop: () => unknown }[] = [];
  const ending = new AbortController();
  let stopping: Promise<void> | undefined;

  const shutDown = (why: string, exitCode: number, timeoutMs = stopTimeoutMs): Promise<void> => {
    stopping ??= (async () => {
      log.info({ why }, 'stopping');
      ending.abort();
      const force = setTimeout(() => {
        log.error({ timeoutMs }, 'did not stop in time');
        process.exit(1);
      }, timeoutMs);
      for (const { part, stop } of stops.reverse()) {
        try {
          await stop();
        } catch (error) {
          log.warn({ part, reason: messageOf(error) }, 'part did not stop cleanly');
        }
      }
      clearTimeout(force);
      log.info({}, 'stopped');
      process.exit(exitCode);
    })();
    return stopping;
  };

  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown(signal, 0));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    void shutDown('uncaught exception', 1);
  });
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'unhandled rejection');
    void shutDown('unhandled rejection', 1);
  });
  if (endWithParent) {
    const orphaned = () => {
      // Also when a fault of the dying servers has begun the stop already.
      setTimeout(() => process.exit(1), orphanStopTimeoutMs).unref();
      void shutDown('the parent ended', 0, orphanStopTimeoutMs);
    };
    process.stdin.resume();
    process.stdin.on('end', orphaned);
    process.stdin.on('error', orphaned);
  }

  start({ onStop: (part, stop) => stops.push({ part, stop }), signal: ending.signal }).then(
    () => log.info({}, 'started'),
    (error: unknown) => {
      log.fatal({ reason: messageOf(error), err: error }, 'could not start');
      void shutDown('could not start', 1);
    },
  );
}
