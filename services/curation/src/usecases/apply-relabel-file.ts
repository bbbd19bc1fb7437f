import { type LabelNumbering, labelNumberOf } from '@florilegium/bhl';
import { labels as allLabels } from '../domain/label.ts';
import type { Store, TxStore } from '../store.ts';
import { notProposed, recordRelabels } from './accept-relabels.ts';
import { answerOnce } from './answer-once.ts';
import { proposeRelabels, type RelabelKind } from './propose-relabels.ts';
import type { RecordLabelsResult } from './record-labels.ts';

export interface ApplyRelabelFileInput {
  number: number;
  kind: RelabelKind;
  /** Rows of the reference project's relabel file, `[id, label]`, as a person left them. */
  rows: readonly (readonly number[])[];
  numbering: LabelNumbering;
  by: string;
  /** The same key of the same person answers with what the first request did; with another file it is refused. */
  idempotencyKey?: string;
}

/**
 * A relabel file that came back: each row that says a label of a page that still waits becomes a label event, whether or not the label is the one
 * proposed; a row that was taken out is no answer. In one transaction, in which nobody else labels; what is not taken is named by its row.
 */
export async function applyRelabelFile(
  { store }: { store: Store },
  input: ApplyRelabelFileInput,
): Promise<RecordLabelsResult> {
  const { number, kind, rows, numbering, by, idempotencyKey } = input;
  return await store.inTransaction(async (tx) => {
    const key = idempotencyKey && `relabels ${idempotencyKey}`;
    const request = [number, kind, numbering.zero, rows];
    const { result } = await answerOnce(tx, { by, key, request }, () => applyRows(tx, input));
    return result;
  });
}

async function applyRows(
  tx: TxStore,
  { number, kind, rows, numbering, by }: ApplyRelabelFileInput,
): Promise<RecordLabelsResult> {
  await tx.lockLabels('alone');
  const { proposals } = await proposeRelabels({ store: tx }, { number, kind });
  const waiting = new Set(proposals.map(({ pageId }) => pageId));
  const byNumber = new Map(allLabels.map((label) => [labelNumberOf(label, numbering) as number, label]));
  const refused: RecordLabelsResult['refused'] = [];
  const labels: { index: number; pageId: number; label: string }[] = [];
  rows.forEach(([pageId, value], index) => {
    const label = value === undefined ? undefined : byNumber.get(value);
    const refuse = (code: 'invalid_argument' | 'failed_precondition', message: string) =>
      refused.push({ index, pageId: pageId!, code, message });
    if (value === undefined) refuse('invalid_argument', `row ${index} has no label`);
    else if (!label) refuse('invalid_argument', `row ${index} has the label ${value}, which is not 0, 1 or 2`);
    else if (!waiting.delete(pageId!)) refuse('failed_precondition', notProposed(pageId!, number));
    else labels.push({ index, pageId: pageId!, label });
  });
  return await recordRelabels(tx, { number, by, labels, refused });
}
