import { createReadStream, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { candidateRule } from './candidate-rules.ts';
import { extractCandidates } from './extract-candidates.ts';
import { readPageFile } from './page-file.ts';

/** 73,597 real pages of 170 volumes, beside the project where they are there. */
const file = fileURLToPath(new URL('../../../../shared/reference/bhl-pages/data/page.txt.gz', import.meta.url));

const there = existsSync(file);
describe.skipIf(!there)(
  `on real pages of the library${there ? '' : ' (skipped: they are not beside the project)'}`,
  () => {
    const extract = (rule: string) => extractCandidates(createReadStream(file), { file, rule: candidateRule(rule) });

    it('the reference rule selects exactly what its project would have', async () => {
      const { pageIds, rows, badLines } = await extract('reference');
      expect([pageIds.length, rows, badLines]).toEqual([1094, 78_283, 0]);
    });

    it('the illustrated rule finds five times as many, each prefix its number', async () => {
      const { judgeRow } = candidateRule('illustrated');
      const selected = new Set((await extract('illustrated')).pageIds);
      expect(selected.size).toBe(5328);
      const pagesOf = new Map<string, Set<number>>();
      const byPrefix = new Set<number>();
      const reading = readPageFile(createReadStream(file), {
        file,
        kindOf: (prefix, typeName) => judgeRow({ prefix, typeName }).prefixPattern?.name,
        onRow: ({ kind, pageId }) => {
          if (kind === undefined) return;
          pagesOf.set(kind, (pagesOf.get(kind) ?? new Set()).add(pageId));
          byPrefix.add(pageId);
        },
      });
      for await (const _ of reading);
      expect(Object.fromEntries([...pagesOf].map(([name, pages]) => [name, pages.size]))).toEqual({
        Plate: 1278,
        'Pl.': 650,
        'Tab.': 624,
        Tabula: 109,
        'Taf.': 80,
        Planche: 79,
        Tafel: 49,
        Lámina: 23,
        Tavola: 18,
        'Fig.': 6,
      });
      // The others have no such prefix and a picture-like type.
      expect(selected.size - byPrefix.size).toBe(2412);
    });
  },
);
