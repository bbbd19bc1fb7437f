import { createHash } from 'node:crypto';
import { invalidArgument } from '@florilegium/errors';
import { v7 as uuidv7 } from 'uuid';
import { checkRunRequest, type FetchRun, type FetchRunRequest, isPageId, streamedIdsMax } from '../domain/fetch-run.ts';
import type { RootStore } from '../store.ts';
import { addFetchRun } from './start-fetch-run.ts';

// Ids that are written at once.
const partMax = 10_000;

/**
 * A run over ids that the caller streams. They are written as they come, so that memory does not grow with their number; the run is added when the
 * stream has ended, and a stream that breaks leaves nothing.
 */
export async function startFetchRunOverIds(
  { store }: { store: RootStore },
  request: Omit<FetchRunRequest, 'selection'>,
  ids: AsyncIterable<readonly number[]>,
  idempotencyKey: string | undefined,
): Promise<FetchRun> {
  checkRunRequest({ ...request, selection: { kind: 'id-list', sha256: '', count: 0 } });
  const id = uuidv7();
  try {
    const { sha256, given } = await keepIds(store, id, ids);
    if (given === 0) throw invalidArgument('no id was given', { field: 'pageIds' });
    const run = await store.inTransaction(async (bound) => {
      await bound.fetchIds.cutIds(id, request.startIndex, request.maxCount);
      const checked = { ...request, selection: { kind: 'id-list' as const, sha256, count: given } };
      return await addFetchRun(bound, id, checked, idempotencyKey);
    });
    if (run.id !== id) await store.fetchIds.deleteIds(id);
    return run;
  } catch (error) {
    await store.fetchIds.deleteIds(id);
    throw error;
  }
}

async function keepIds(
  store: RootStore,
  runId: string,
  ids: AsyncIterable<readonly number[]>,
): Promise<{ sha256: string; given: number }> {
  const hash = createHash('sha256');
  let given = 0;
  let part: number[] = [];
  for await (const some of ids) {
    for (const pageId of some) {
      given += 1;
      if (!isPageId(pageId))
        throw invalidArgument(`${pageId}, id ${given} of the stream, is no PageID`, { field: 'pageIds' });
      if (given > streamedIdsMax) throw invalidArgument(`more than ${streamedIdsMax} ids`, { field: 'pageIds' });
      part.push(pageId);
    }
    hash.update(`${some.join('\n')}\n`);
    if (part.length < partMax) continue;
    await store.fetchIds.addIds(runId, part);
    part = [];
  }
  if (part.length > 0) await store.fetchIds.addIds(runId, part);
  return { sha256: hash.digest('hex'), given };
}
