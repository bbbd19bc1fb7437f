import { failedPrecondition, notFound } from '@florilegium/errors';
import { isFrozen } from '../domain/hq-list.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';

/** @throws not_found; failed_precondition while the version has no pages */
export async function findFrozenList({ hqLists }: Pick<Store, 'hqLists'>, version: number): Promise<HqList> {
  const list = await hqLists.find(version);
  if (!list) throw notFound('HQ list', version);
  if (!isFrozen(list.state)) throw failedPrecondition(`list ${version} is ${list.state}: it has no pages to read`);
  return list;
}
