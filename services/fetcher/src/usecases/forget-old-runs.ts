import type { Store } from '../store.ts';

// The images stay. A run on demand is looked at by nobody after the request it was made for; the day is for whoever asks why one failed.
const demandedForMs = 86_400_000;
const runsPerStep = 500;

/** Deletes runs on demand that ended a day ago, and ids that were streamed for runs that came to nothing; how many runs. */
export async function forgetOldRuns(
  { store }: { store: Pick<Store, 'fetchRuns' | 'fetchIds'> },
  signal: AbortSignal,
  ageMs = demandedForMs,
): Promise<number> {
  let forgotten = 0;
  for (let count = runsPerStep; count === runsPerStep && !signal.aborted; forgotten += count)
    count = await store.fetchRuns.deleteDemandedRuns(ageMs, runsPerStep);
  if (!signal.aborted) await store.fetchIds.deleteForgottenIds(ageMs);
  return forgotten;
}
