import { proposeRelabels, type RelabelKind } from './propose-relabels.ts';
import { type RecordLabelsDeps, type RecordLabelsResult, recordLabels } from './record-labels.ts';

export interface AcceptRelabelsInput {
  number: number;
  kind: Exclude<RelabelKind, 'type_b_d'>;
  /** All that wait when left out. */
  pageIds?: readonly number[];
  by: string;
}

const batchPages = 500;

/** A person's yes to proposals: each becomes a label event. Pages that are not proposed, or not any more, are refused by name. */
export async function acceptRelabels(deps: RecordLabelsDeps, input: AcceptRelabelsInput): Promise<RecordLabelsResult> {
  const { proposals } = await proposeRelabels(deps, input);
  const proposed = new Map(proposals.map(({ pageId, ensembleLabel }) => [pageId, ensembleLabel]));
  const result: RecordLabelsResult = { recordedCount: 0, refused: [] };
  const accepted: { index: number; pageId: number; label: string }[] = [];
  [...(input.pageIds ?? proposed.keys())].forEach((pageId, index) => {
    const label = proposed.get(pageId);
    if (label) accepted.push({ index, pageId, label });
    else {
      const message = `page ${pageId} is not among the proposals of iteration ${input.number} that wait`;
      result.refused.push({ index, pageId, code: 'failed_precondition', message });
    }
  });
  for (let start = 0; start < accepted.length; start += batchPages) {
    const part = accepted.slice(start, start + batchPages);
    const recorded = await recordLabels(deps, {
      by: input.by,
      labels: part.map(({ pageId, label }) => ({ pageId, label, iteration: input.number, queue: 'relabels' })),
    });
    result.recordedCount += recorded.recordedCount;
    for (const refusal of recorded.refused) result.refused.push({ ...refusal, index: part[refusal.index]!.index });
  }
  return result;
}
