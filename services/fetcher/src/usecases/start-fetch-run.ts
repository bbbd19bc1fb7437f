import { alreadyExists } from '@florilegium/errors';
import { v7 as uuidv7 } from 'uuid';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { checkRunRequest, type FetchRun, type FetchRunRequest, isSameRequest } from '../domain/fetch-run.ts';
import type { RootStore, Store } from '../store.ts';

/** Adds a run and queues the listing of its pages. The same idempotency key gives the same run; for another request it is refused. */
export async function startFetchRun(
  { store, catalog }: { store: RootStore; catalog: Pick<CatalogClient, 'checkPageSet'> },
  request: FetchRunRequest,
  idempotencyKey: string | undefined,
): Promise<FetchRun> {
  const checked = checkRunRequest(request);
  const known = idempotencyKey === undefined ? undefined : await store.fetchRuns.findRunByKey(idempotencyKey);
  if (known) return sameRun(known, checked);
  if (checked.selection.kind === 'page-set') await catalog.checkPageSet(checked.selection.pageSetId);
  return await store.inTransaction((bound) => addFetchRun(bound, uuidv7(), checked, idempotencyKey));
}

/** Adds a checked request, to be called in a transaction; the run that has its idempotency key already, where there is one. */
export async function addFetchRun(
  { fetchRuns, enqueue }: Store,
  id: string,
  request: FetchRunRequest,
  idempotencyKey: string | undefined,
): Promise<FetchRun> {
  if (!(await fetchRuns.addRun(id, request, idempotencyKey)))
    return sameRun((await fetchRuns.findRunByKey(idempotencyKey!))!, request);
  await enqueue('list', id, [{ number: 0 }]);
  return (await fetchRuns.findRun(id))!;
}

function sameRun(run: FetchRun, request: FetchRunRequest): FetchRun {
  if (isSameRequest(run, request)) return run;
  throw alreadyExists(`the Idempotency-Key was used for another request, which is run ${run.id}`, {
    field: 'Idempotency-Key',
  });
}
