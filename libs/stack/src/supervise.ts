/**
 * Keeps one part of the stack running.
 *
 *   starting -> running                 the part is ready
 *   running  -> waiting                 it died; the delay doubles with each fast death in a row
 *   waiting  -> starting
 *   starting -> waiting                 a restart failed, which counts as a fast death
 *   waiting  -> failed                  too many fast deaths in a row
 *   any      -> stopped                 stop() was called
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, unavailable } from '@florilegium/errors';
import type { ExitStatus } from './guarded-process.ts';
import { lastLogLines } from './log-files.ts';
import type { ProcessIdentity } from './processes.ts';

export interface RunningPart {
  /** The processes of the part, for records and tests. */
  identities: ProcessIdentity[];
  exited: Promise<ExitStatus>;
  /** Stops the part and waits; safe to call twice and after its end. */
  stop(): Promise<void>;
}

export interface SuperviseOptions {
  name: string;
  logFile: string;
  /** Resolves when the part is ready; ends early, with nothing left running, when the signal aborts. */
  start(signal: AbortSignal): Promise<RunningPart>;
  log: (line: string) => void;
  /** Told the processes each time the part has started. */
  onStart?: (identities: ProcessIdentity[]) => void;
  /** A part that lived longer than this died of something new. */
  steadyAfterMs?: number;
  fastDeathsMax?: number;
  /** Enough for a server behind it that is itself starting again. */
  firstStartsMax?: number;
  firstDelayMs?: number;
  delayMsMax?: number;
  /** Ends the first start. */
  signal?: AbortSignal;
}

export interface SupervisedPart {
  name: string;
  identities(): ProcessIdentity[];
  /** Resolves, never rejects, with what to tell when the part cannot be kept running. */
  failed: Promise<Error>;
  stop(): Promise<void>;
}

/** Starts the part and keeps it running; rejects when the first start fails a few times, so that a wrong configuration shows soon. */
export async function supervise(options: SuperviseOptions): Promise<SupervisedPart> {
  const { name, logFile, log, steadyAfterMs = 30_000, fastDeathsMax = 5, firstStartsMax = 4 } = options;
  const { firstDelayMs = 250, delayMsMax = 10_000 } = options;
  const stopping = new AbortController();
  const failed = Promise.withResolvers<Error>();
  let part: RunningPart | undefined;

  const startOnce = async (signal: AbortSignal = stopping.signal): Promise<RunningPart> => {
    const started = await options.start(signal);
    part = started;
    options.onStart?.(started.identities);
    return started;
  };

  const startFirst = async (): Promise<RunningPart> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await startOnce(options.signal);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (attempt >= firstStartsMax) {
          const tail = lastLogLines(logFile);
          throw unavailable(`${name} did not start: ${tail || messageOf(error)} (see ${logFile})`, { cause: error });
        }
        await sleep(firstDelayMs * 2 ** attempt, undefined, { signal: options.signal });
      }
    }
  };

  const keepRunning = async (first: RunningPart): Promise<void> => {
    let running: RunningPart | undefined = first;
    let startedAt = Date.now();
    let fastDeaths = 0;
    while (!stopping.signal.aborted) {
      let how: string;
      if (running === undefined) {
        how = 'did not start again';
      } else {
        how = `ended (${describe(await running.exited)})`;
        // What is left of it (a program whose guard died) must not meet its successor.
        await running.stop();
      }
      if (stopping.signal.aborted) return;
      fastDeaths = running !== undefined && Date.now() - startedAt > steadyAfterMs ? 1 : fastDeaths + 1;
      if (fastDeaths >= fastDeathsMax) {
        failed.resolve(
          unavailable(`${name} ${how}, ${fastDeaths} times in a row; see ${logFile}: ${lastLogLines(logFile)}`),
        );
        return;
      }
      const delayMs = Math.min(firstDelayMs * 2 ** (fastDeaths - 1), delayMsMax);
      log(`${name} ${how}, starting it again in ${delayMs / 1000} s`);
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      startedAt = Date.now();
      running = await startOnce().catch(() => undefined);
      if (running !== undefined) log(`${name} runs again`);
    }
  };

  const first = await startFirst();
  const loop = keepRunning(first);
  let stopped: Promise<void> | undefined;
  return {
    name,
    identities: () => part?.identities ?? [],
    failed: failed.promise,
    stop: () => {
      stopped ??= (async () => {
        stopping.abort();
        await part?.stop();
        await loop;
        // A start that was under way when we were called has made a new part.
        await part?.stop();
      })();
      return stopped;
    },
  };
}

function describe({ code, signal }: ExitStatus): string {
  return signal === null ? `status ${code}` : signal;
}
