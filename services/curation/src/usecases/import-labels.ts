import { type LabelFileEntry, type LabelFileFault, type LabelNumbering, readLabelFile } from '@florilegium/bhl';
import type { Label, PageStanding, Refusal } from '../domain/label.ts';
import { metrics } from '../metrics.ts';
import type { TxStore } from '../store.ts';
import { answerOnce } from './answer-once.ts';
import { copyPageSets } from './copy-page-sets.ts';
import { findPageSets, type RecordLabelsDeps, record } from './record-labels.ts';

export interface ImportLabelsInput {
  /** A labels file in the reference project's form. */
  text: string;
  numbering: LabelNumbering;
  by: string;
  /** The same key of the same person answers with what the first request did; with another file it is refused. */
  idempotencyKey?: string;
}

export interface LabelsImported {
  recordedCount: number;
  /** Entries that say what already stands; they make no event. */
  unchangedCount: number;
  /** Recorded labels that stand in place of another one; the first ones by name. */
  overwrittenCount: number;
  overwritten: { pageId: number; before: Label; now: Label; by: string }[];
  refusedCount: number;
  refused: ({ line: number; key: string } & Refusal)[];
}

/** So many are named; all are counted. */
const namedMax = 1000;
const batchPages = 5000;

/**
 * Records a labels file as events of the caller, in one transaction. What cannot be recorded is named by its line and stops nothing else.
 * Nobody labels meanwhile, so that what is told to be overwritten is what was.
 * @throws invalid_argument when the text is no labels file, with the line
 */
export async function importLabels(deps: RecordLabelsDeps, input: ImportLabelsInput): Promise<LabelsImported> {
  const { entries, faults } = readLabelFile(input.text, input.numbering);
  await copyPageSets(deps);
  const pageSets = await findPageSets(deps, entries);
  return await deps.store.inTransaction(async (tx) => {
    const { by, idempotencyKey } = input;
    const key = idempotencyKey && `import ${idempotencyKey}`;
    const request = [input.numbering.zero, input.text];
    const { result, isRepeated } = await answerOnce(tx, { by, key, request }, () =>
      importAll(tx, { entries, faults, by, pageSets }),
    );
    if (!isRepeated) for (const { code } of result.refused) metrics.labelRefused(code);
    return result;
  });
}

async function importAll(
  tx: TxStore,
  {
    entries,
    faults,
    by,
    pageSets,
  }: {
    entries: readonly LabelFileEntry[];
    faults: readonly LabelFileFault[];
    by: string;
    pageSets: Map<number, PageStanding['pageSet']>;
  },
): Promise<LabelsImported> {
  const result: LabelsImported = {
    recordedCount: 0,
    unchangedCount: 0,
    overwrittenCount: 0,
    overwritten: [],
    refusedCount: faults.length,
    refused: faults.slice(0, namedMax).map((fault) => ({ ...fault, code: 'invalid_argument' })),
  };
  await tx.lockLabels('alone');
  for (let start = 0; start < entries.length; start += batchPages) {
    const part = entries.slice(start, start + batchPages);
    const current = await tx.labels.currentWithAuthor(part.map(({ pageId }) => pageId));
    const changing = part.filter(({ pageId, label }) => current.get(pageId)?.label !== label);
    result.unchangedCount += part.length - changing.length;
    const { recordedCount, refused } = await record(
      tx,
      { labels: changing.map(({ pageId, label }) => ({ pageId, label, queue: 'import' })), by },
      pageSets,
    );
    result.recordedCount += recordedCount;
    result.refusedCount += refused.length;
    for (const { index, pageId, code, message } of refused) {
      if (result.refused.length >= namedMax) break;
      result.refused.push({ line: changing[index]!.line, key: String(pageId), code, message });
    }
    const notRecorded = new Set(refused.map(({ index }) => index));
    changing.forEach(({ pageId, label }, index) => {
      const before = current.get(pageId);
      if (!before || notRecorded.has(index)) return;
      result.overwrittenCount++;
      if (result.overwritten.length < namedMax)
        result.overwritten.push({ pageId, before: before.label, now: label, by: before.by });
    });
  }
  return result;
}
