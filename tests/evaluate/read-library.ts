import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { candidateRule, readItemFile, readPageFile } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import { openLibraryFolder, readTruth, type TruthLabel } from '@florilegium/simulated';

export interface LabelledPage {
  pageId: number;
  itemId: number;
  label: TruthLabel;
  /** The `medium` image; it may be absent. */
  imagePath: string;
}

export interface LabelledLibrary {
  dir: string;
  /** In ascending PageID. */
  pages: LabelledPage[];
  /** What the reader should know about the choice of pages. */
  notes: string[];
}

export type PageChoice = 'candidates' | 'all';

/**
 * The pages of a library whose truth is known: those that the default candidate rule selects, as in the job, or all of them. Where the
 * candidates alone hold fewer than two HQ or two LQ pages, all are taken and a note says so.
 * @throws AppError invalid_argument when the folder is no library or its truth names no page of it.
 */
export async function readLibrary(dir: string, choice: PageChoice): Promise<LabelledLibrary> {
  const folder = await openLibraryFolder(dir);
  const truth = await readTruth(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw invalidArgument(`${dir} has no truth.csv (PageID,label): without it nothing can be labelled or measured`);
  });
  const barCodes = new Map<number, string>();
  for await (const _ of readItemFile(createReadStream(join(dir, 'data', 'item.txt.gz')), {
    file: 'item.txt.gz',
    onItem: ({ itemId, barCode }) => barCodes.set(itemId, barCode),
  }));
  const rule = candidateRule('illustrated');
  const candidates = new Set<number>();
  const found = new Map<number, LabelledPage>();
  for await (const _ of readPageFile(createReadStream(join(dir, 'data', 'page.txt.gz')), {
    file: 'page.txt.gz',
    kindOf: (prefix, typeName) => rule.judgeRow({ prefix, typeName }).matches,
    onRow: ({ pageId, itemId, sequence, kind }) => {
      const label = truth.get(pageId);
      const barCode = barCodes.get(itemId);
      if (kind) candidates.add(pageId);
      if (label && barCode)
        found.set(pageId, { pageId, itemId, label, imagePath: folder.imagePath({ barCode, sequence }, 'medium') });
    },
  }));
  const all = [...found.values()].sort((a, b) => a.pageId - b.pageId);
  if (all.length === 0)
    throw invalidArgument(`none of the ${truth.size} pages in ${dir}/truth.csv is in its data/page.txt.gz`);
  if (choice === 'all') return { dir, pages: all, notes: [] };
  const chosen = all.filter(({ pageId }) => candidates.has(pageId));
  const count = (label: TruthLabel) => chosen.filter((page) => page.label === label).length;
  if (count('HQ') >= 2 && count('LQ') >= 2) return { dir, pages: chosen, notes: [] };
  const note = `the candidate rule leaves ${count('HQ')} HQ and ${count('LQ')} LQ pages of ${dir}, so all ${all.length} labelled pages are taken`;
  return { dir, pages: all, notes: [note] };
}
