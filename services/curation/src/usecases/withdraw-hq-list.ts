import { failedPrecondition, notFound } from '@florilegium/errors';
import { metrics } from '../metrics.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';

/** Takes a list out of use with its reason. Its pages stay readable: somebody may have built on them. */
export async function withdrawHqList(
  { store }: { store: Store },
  { version, reason }: { version: number; reason: string },
): Promise<HqList> {
  await store.inTransaction(async (tx) => {
    const list = await tx.hqLists.lockVersion(version);
    if (!list) throw notFound('HQ list', version);
    if (list.state === 'withdrawn') return;
    if (list.state !== 'auditing' && list.state !== 'published')
      throw failedPrecondition(`list ${version} is ${list.state}; only a frozen list can be withdrawn`);
    await tx.hqLists.setState(list.id, 'withdrawn', reason);
    metrics.hqListMoved('withdrawn');
  });
  return (await store.hqLists.find(version))!;
}
