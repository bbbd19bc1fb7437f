import { failedPrecondition, notFound } from '@florilegium/errors';
import { currentLabelOf } from '../domain/label.ts';
import type { Store, TxStore } from '../store.ts';
import { answerOnce } from './answer-once.ts';

export interface UndoLabelInput {
  pageId: number;
  by: string;
  /** Key of the request that gave the label: any other label of the page is left alone. */
  ofRequest?: string;
  /** The same key of the same person answers with what the first request did. */
  idempotencyKey?: string;
}

export interface LabelUndone {
  pageId: number;
  undone: string;
  current: string | null;
}

/**
 * Takes back the page's current label by an event of its own; the label before it, if any, stands again.
 * @throws failed_precondition when no label stands, or another one than `ofRequest` gave
 */
export async function undoLabel({ store }: { store: Store }, input: UndoLabelInput): Promise<LabelUndone> {
  const { by, pageId, idempotencyKey } = input;
  return await store.inTransaction(async (tx) => {
    // A key of its own kind: one that a label came with has another answer.
    const key = idempotencyKey && `undo ${idempotencyKey}`;
    const request = input.ofRequest === undefined ? [pageId] : [pageId, input.ofRequest];
    const { result } = await answerOnce(tx, { by, key, request }, () => undo(tx, input));
    return result;
  });
}

async function undo(tx: TxStore, { pageId, by, ofRequest }: UndoLabelInput): Promise<LabelUndone> {
  await tx.lockLabels('shared');
  const version = (await tx.audits.openVersionOf([pageId])).get(pageId);
  const list = version === undefined ? undefined : await tx.hqLists.lockVersion(version);
  const undone = await tx.labels.lockCurrent(pageId);
  if (!undone) {
    if ((await tx.labels.listEvents(pageId)).length === 0) throw notFound('label of page', pageId);
    throw failedPrecondition(`page ${pageId} has no label to take back`);
  }
  if (ofRequest !== undefined && undone.id !== (await tx.labels.findGiven(by, ofRequest, pageId)))
    throw failedPrecondition(
      undone.by === by
        ? `page ${pageId} has another label of yours by now, which stays: ${undone.label}`
        : `page ${pageId} has a label of ${undone.by} by now, which stays: ${undone.label}`,
    );
  await tx.labels.addUndo(pageId, undone.id, by);
  const standing = currentLabelOf(await tx.labels.listEvents(pageId));
  // While an audit is open its page waits for a label again; one that was given before the audit was not given blind.
  if (list?.state === 'auditing') {
    const isOfAudit = standing && list.frozenAt && standing.at >= list.frozenAt;
    await tx.audits.setLabels(list.id, [{ pageId, label: isOfAudit ? standing.label : null }]);
  }
  return { pageId, undone: undone.label, current: standing?.label ?? null };
}
