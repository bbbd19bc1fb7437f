import type { ProposalFilter } from '../repos/triage.repo.ts';
import type { Store, TxStore } from '../store.ts';
import { answerOnce } from './answer-once.ts';
import { proposeRelabels, type RelabelKind } from './propose-relabels.ts';
import { type LabelInput, type RecordLabelsResult, record } from './record-labels.ts';

export interface AnswerRelabelsInput {
  number: number;
  kind: Exclude<RelabelKind, 'type_b_d'>;
  /** Which of the proposals that wait; all of them when nothing is named. */
  filter: ProposalFilter;
  by: string;
  /** The same key of the same person answers with what the first request did. */
  idempotencyKey?: string;
}

const batchPages = 5000;

/**
 * A person's yes to proposals, in one transaction: each becomes a label event. Pages that are named but not proposed, or not any more, are
 * refused by name. Nobody labels between what is found to wait and what is recorded, so a yes never overrides a label given meanwhile.
 */
export async function acceptRelabels(
  { store }: { store: Store },
  input: AnswerRelabelsInput,
): Promise<RecordLabelsResult> {
  return await answer(store, 'accept', input, async (tx) => {
    const { labels, refused } = await selectProposals(tx, input);
    return await recordRelabels(tx, { number: input.number, by: input.by, labels, refused });
  });
}

/** A person's no, in one transaction: refused pages are not proposed again in this iteration; their labels stay as they are. */
export async function refuseRelabels(
  { store }: { store: Store },
  input: AnswerRelabelsInput,
): Promise<RecordLabelsResult> {
  return await answer(store, 'refuse', input, async (tx) => {
    const { iterationId, labels, refused } = await selectProposals(tx, input);
    await tx.triage.refuse(
      iterationId,
      labels.map(({ pageId }) => pageId),
      input.by,
    );
    return { recordedCount: labels.length, refused };
  });
}

async function answer(
  store: Store,
  what: 'accept' | 'refuse',
  { number, kind, filter, by, idempotencyKey }: AnswerRelabelsInput,
  work: (tx: TxStore) => Promise<RecordLabelsResult>,
): Promise<RecordLabelsResult> {
  return await store.inTransaction(async (tx) => {
    const key = idempotencyKey && `${what} ${idempotencyKey}`;
    const { result } = await answerOnce(tx, { by, key, request: [number, kind, filter] }, async () => {
      await tx.lockLabels('alone');
      return await work(tx);
    });
    return result;
  });
}

/** Labels with their places in what the caller sent. */
type Placed = { index: number; pageId: number; label: string };

/** In the transaction that found the pages waiting, which is alone among the labels. */
export async function recordRelabels(
  tx: TxStore,
  input: { number: number; by: string; labels: readonly Placed[]; refused: RecordLabelsResult['refused'] },
): Promise<RecordLabelsResult> {
  const { number, by, labels } = input;
  const result: RecordLabelsResult = { recordedCount: 0, refused: [...input.refused] };
  for (let start = 0; start < labels.length; start += batchPages) {
    const part = labels.slice(start, start + batchPages);
    const toRecord = part.map(
      ({ pageId, label }): LabelInput => ({ pageId, label, iteration: number, queue: 'relabels' }),
    );
    // Proposals are pages of the sets that were copied here.
    const pageSets = await tx.pages.setsOf(part.map(({ pageId }) => pageId));
    const recorded = await record(tx, { labels: toRecord, by }, pageSets);
    result.recordedCount += recorded.recordedCount;
    for (const refusal of recorded.refused) result.refused.push({ ...refusal, index: part[refusal.index]!.index });
  }
  result.refused.sort((one, other) => one.index - other.index);
  return result;
}

async function selectProposals(tx: TxStore, { number, kind, filter }: AnswerRelabelsInput) {
  const { iteration, proposals } = await proposeRelabels({ store: tx }, { number, kind, filter });
  const proposed = new Map(proposals.map(({ pageId, ensembleLabel }) => [pageId, ensembleLabel]));
  const labels: Placed[] = [];
  const refused: RecordLabelsResult['refused'] = [];
  const seen = new Set<number>();
  [...(filter.pageIds ?? proposed.keys())].forEach((pageId, index) => {
    // A page that is named twice has one answer.
    if (seen.has(pageId)) return;
    seen.add(pageId);
    const label = proposed.get(pageId);
    if (label) labels.push({ index, pageId, label });
    else refused.push({ index, pageId, code: 'failed_precondition', message: notProposed(pageId, number) });
  });
  return { iterationId: iteration.id, labels, refused };
}

export const notProposed = (pageId: number, number: number) =>
  `page ${pageId} is not among the proposals of iteration ${number} that wait`;
