import { setTimeout as sleep } from 'node:timers/promises';
import { internal } from '@florilegium/errors';
import type { StepProgress } from './progress.ts';
import type { RestClient } from './rest-client.ts';
import { watchForStall } from './stall-watch.ts';

/** The fields that every run has in REST. */
export interface Run {
  id: string;
  state: string;
  doneCount: number;
  totalCount: number;
  reason?: string | null;
}

export interface FollowOptions<State> {
  rest: Pick<RestClient, 'get'>;
  path: string;
  signal: AbortSignal;
  progress?: StepProgress;
  /** Shown beside the progress. */
  paceOf?: (run: State) => string;
  /** The state that is waited for; "done" unless told. */
  until?: readonly string[];
  intervalMs?: number;
  /** So long it may look the same. */
  stallMs?: number;
}

const lost = ['failed', 'cancelled', 'withdrawn'];

/**
 * Reads a run until it is done.
 * @throws internal with the run's own reason when it failed or was cancelled; deadline_exceeded when it moves no more
 */
export async function followRun<State extends Pick<Run, 'state' | 'reason'> & Partial<Run>>({
  rest,
  path,
  signal,
  progress,
  paceOf,
  until = ['done'],
  intervalMs = 250,
  stallMs,
}: FollowOptions<State>): Promise<State> {
  const see = watchForStall(path, stallMs);
  for (;;) {
    const run = await rest.get<State>(path);
    see(run);
    if (run.doneCount !== undefined && run.totalCount !== undefined)
      progress?.update(run.doneCount, run.totalCount, paceOf?.(run));
    if (until.includes(run.state)) return run;
    if (lost.includes(run.state)) throw internal(`${path} ${run.state}: ${run.reason ?? 'no reason given'}`);
    await sleep(intervalMs, undefined, { signal });
  }
}
