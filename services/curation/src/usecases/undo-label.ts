import { failedPrecondition, notFound } from '@florilegium/errors';
import { currentLabelOf } from '../domain/label.ts';
import type { Store, TxStore } from '../store.ts';
import { answerOnce } from './answer-once.ts';

export interface UndoLabelInput {
  pageId: number;
  by: string;
  /** The same key of the same person answers with what the first request did. */
  idempotencyKey?: string;
}

export interface LabelUndone {
  pageId: number;
  undone: string;
  current: string | null;
}

/** Takes back the page's current label by an event of its own; the label before it, if any, stands again. */
export async function undoLabel({ store }: { store: Store }, input: UndoLabelInput): Promise<LabelUndone> {
  const { by, pageId, idempotencyKey } = input;
  return await store.inTransaction(async (tx) => {
    // A key of its own kind: one that a label came with has another answer.
    const key = idempotencyKey && `undo ${idempotencyKey}`;
    const { result } = await answerOnce(tx, { by, key, request: [pageId] }, () => undo(tx, input));
    return result;
  });
}

async function undo(tx: TxStore, { pageId, by }: UndoLabelInput): Promise<LabelUndone> {
  await tx.lockLabels('shared');
  const version = (await tx.audits.openVersionOf([pageId])).get(pageId);
  const list = version === undefined ? undefined : await tx.hqLists.lockVersion(version);
  const undone = await tx.labels.undoCurrent(pageId, by);
  if (!undone) {
    if ((await tx.labels.listEvents(pageId)).length === 0) throw notFound('label of page', pageId);
    throw failedPrecondition(`page ${pageId} has no label to take back`);
  }
  const standing = currentLabelOf(await tx.labels.listEvents(pageId));
  // While an audit is open its page waits for a label again; one that was given before the audit was not given blind.
  if (list?.state === 'auditing') {
    const isOfAudit = standing && list.frozenAt && standing.at >= list.frozenAt;
    await tx.audits.setLabels(list.id, [{ pageId, label: isOfAudit ? standing.label : null }]);
  }
  return { pageId, undone: undone.label, current: standing?.label ?? null };
}
