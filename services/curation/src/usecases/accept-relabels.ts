import type { ProposalFilter } from '../repos/triage.repo.ts';
import type { Store } from '../store.ts';
import { proposeRelabels, type RelabelKind } from './propose-relabels.ts';
import {
  findPageSets,
  type LabelInput,
  type RecordLabelsDeps,
  type RecordLabelsResult,
  record,
} from './record-labels.ts';

export interface AnswerRelabelsInput {
  number: number;
  kind: Exclude<RelabelKind, 'type_b_d'>;
  /** Which of the proposals that wait; all of them when nothing is named. */
  filter: ProposalFilter;
  by: string;
}

const batchPages = 5000;

/**
 * A person's yes to proposals, in one transaction: each becomes a label event. Pages that are named but not proposed, or not any more, are
 * refused by name.
 */
export async function acceptRelabels(deps: RecordLabelsDeps, input: AnswerRelabelsInput): Promise<RecordLabelsResult> {
  const { labels, refused } = await selectProposals(deps, input);
  return await recordRelabels(deps, { number: input.number, by: input.by, labels, refused });
}

/** A person's no, in one transaction: refused pages are not proposed again in this iteration; their labels stay as they are. */
export async function refuseRelabels(
  deps: { store: Store },
  input: AnswerRelabelsInput,
): Promise<{ recordedCount: number; refused: RecordLabelsResult['refused'] }> {
  const { iterationId, labels, refused } = await selectProposals(deps, input);
  await deps.store.inTransaction((tx) =>
    tx.triage.refuse(
      iterationId,
      labels.map(({ pageId }) => pageId),
      input.by,
    ),
  );
  return { recordedCount: labels.length, refused };
}

/** Labels with their places in what the caller sent. */
type Placed = { index: number; pageId: number; label: string };

export async function recordRelabels(
  deps: RecordLabelsDeps,
  input: { number: number; by: string; labels: readonly Placed[]; refused: RecordLabelsResult['refused'] },
): Promise<RecordLabelsResult> {
  const { number, by, labels } = input;
  const result: RecordLabelsResult = { recordedCount: 0, refused: [...input.refused] };
  const pageSets = await findPageSets(deps, labels);
  await deps.store.inTransaction(async (tx) => {
    for (let start = 0; start < labels.length; start += batchPages) {
      const part = labels.slice(start, start + batchPages);
      const toRecord = part.map(
        ({ pageId, label }): LabelInput => ({ pageId, label, iteration: number, queue: 'relabels' }),
      );
      const recorded = await record(tx, { labels: toRecord, by }, pageSets);
      result.recordedCount += recorded.recordedCount;
      for (const refusal of recorded.refused) result.refused.push({ ...refusal, index: part[refusal.index]!.index });
    }
  });
  result.refused.sort((one, other) => one.index - other.index);
  return result;
}

async function selectProposals(deps: { store: Store }, { number, kind, filter }: AnswerRelabelsInput) {
  const { iteration, proposals } = await proposeRelabels(deps, { number, kind, filter });
  const proposed = new Map(proposals.map(({ pageId, ensembleLabel }) => [pageId, ensembleLabel]));
  const labels: Placed[] = [];
  const refused: RecordLabelsResult['refused'] = [];
  [...(filter.pageIds ?? proposed.keys())].forEach((pageId, index) => {
    const label = proposed.get(pageId);
    if (label) labels.push({ index, pageId, label });
    else refused.push({ index, pageId, code: 'failed_precondition', message: notProposed(pageId, number) });
  });
  return { iterationId: iteration.id, labels, refused };
}

export const notProposed = (pageId: number, number: number) =>
  `page ${pageId} is not among the proposals of iteration ${number} that wait`;
