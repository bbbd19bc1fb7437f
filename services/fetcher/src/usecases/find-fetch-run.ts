import { notFound } from '@florilegium/errors';
import { validate as isUuid } from 'uuid';
import type { FetchRun } from '../domain/fetch-run.ts';
import type { Store } from '../store.ts';

/** The run, or not_found; an id of another form is no run either. */
export async function findFetchRun({ fetchRuns }: Pick<Store, 'fetchRuns'>, id: string): Promise<FetchRun> {
  const run = isUuid(id) ? await fetchRuns.findRun(id) : undefined;
  if (!run) throw notFound('fetch run', id);
  return run;
}
