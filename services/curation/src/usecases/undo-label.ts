import { failedPrecondition, notFound } from '@florilegium/errors';
import type { Store } from '../store.ts';

/** Takes back the page's current label by an event of its own; the label before it, if any, stands again. */
export async function undoLabel(
  { store }: { store: Store },
  { pageId, by }: { pageId: number; by: string },
): Promise<{ pageId: number; undone: string; current: string | null }> {
  return await store.inTransaction(async (tx) => {
    await tx.lockLabels('shared');
    const version = (await tx.audits.openVersionOf([pageId])).get(pageId);
    const list = version === undefined ? undefined : await tx.hqLists.lockVersion(version);
    const undone = await tx.labels.undoCurrent(pageId, by);
    if (!undone) {
      if ((await tx.labels.listEvents(pageId)).length === 0) throw notFound('label of page', pageId);
      throw failedPrecondition(`page ${pageId} has no label to take back`);
    }
    const current = (await tx.labels.currentOf([pageId])).get(pageId) ?? null;
    // While an audit is open its page waits for a label again.
    if (list?.state === 'auditing') await tx.audits.setLabels(list.id, [{ pageId, label: current }]);
    return { pageId, undone: undone.label, current };
  });
}
