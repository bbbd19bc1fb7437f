import type { CompiledRule } from './candidate-rule.ts';
import type { ByteSource } from './gunzip.ts';
import { readPageFile } from './page-file.ts';
import { PageIdSet } from './page-id-set.ts';
import { sortIdsAsText } from './page-ids.ts';
import type { BadLine, ReadProgress } from './tab-file.ts';

export interface ExtractOptions {
  file: string;
  rule: CompiledRule;
  onBadLine?: (bad: BadLine) => void;
  onProgress?: (progress: ReadProgress) => void;
  lineBytesMax?: number;
}

export interface Extraction extends ReadProgress {
  /** The candidates, ordered as text. */
  pageIds: number[];
}

/**
 * The candidates that a rule selects from a page file. Right whether or not the rows of a page are adjacent: two bits are
 * held for each PageID in the file's range, besides the candidates themselves.
 * @throws AppError invalid_argument as readPageFile.
 */
export async function extractCandidates(source: ByteSource, options: ExtractOptions): Promise<Extraction> {
  const { rule } = options;
  const someMatch = new PageIdSet();
  const someDoNot = new PageIdSet();
  const needsAll = rule.rule.pageNeeds === 'all';
  const progress: ReadProgress = { bytes: 0, lines: 0, rows: 0, badLines: 0 };
  const reading = readPageFile(source, {
    file: options.file,
    kindOf: (prefix, typeName) => rule.judgeRow({ prefix, typeName }).matches,
    onRow: (row) => {
      if (row.kind) someMatch.add(row.pageId);
      else if (needsAll) someDoNot.add(row.pageId);
    },
    onBadLine: options.onBadLine,
    lineBytesMax: options.lineBytesMax,
  });
  for await (const read of reading) {
    Object.assign(progress, read);
    options.onProgress?.(progress);
  }
  return { ...progress, pageIds: sortIdsAsText(selected(rule, someMatch, someDoNot)) };
}

function* selected(rule: CompiledRule, someMatch: PageIdSet, someDoNot: PageIdSet): Generator<number> {
  for (const id of someMatch) {
    if (rule.outcome({ someMatch: true, someDoNot: someDoNot.has(id) }) === 'selected') yield id;
  }
}
