import { candidateRule } from '@florilegium/bhl';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { books } from './books.ts';
import { rowsOf } from './export-files.ts';
import { planLibrary } from './plan-library.ts';

const isPlate = (kind: string) => kind === 'coloured_plate' || kind === 'pale_coloured_plate';

describe('planLibrary', () => {
  it('has at least 600 pages of 12 books, numbered without a gap and without a page twice', () => {
    const pages = planLibrary({}).flat();
    expect(pages.length).toBeGreaterThanOrEqual(600);
    expect(new Set(pages.map(({ itemId }) => itemId)).size).toBeGreaterThanOrEqual(12);
    expect(pages.map(({ pageId }) => pageId)).toEqual(pages.map((_, at) => 910000001 + at));
    expect(new Set(books.map(({ barCode }) => barCode)).size).toBe(books.length);
  });

  it.each([1, 2, 3])(
    'gives the illustrated rule 400 candidates or more, 40 to 60 in 100 of them coloured plates (seed %i)',
    (seed) => {
      const rule = candidateRule('illustrated');
      const random = createRandom(`rows/${seed}`);
      const candidates = planLibrary({ seed })
        .flat()
        .filter(
          (page) =>
            rule.explain(rowsOf(page, random.fork(page.pageId)).map(({ prefix, type }) => ({ prefix, typeName: type })))
              .selected,
        );
      expect(candidates.length).toBeGreaterThanOrEqual(400);
      const share = candidates.filter(({ kind }) => isPlate(kind)).length / candidates.length;
      expect(share).toBeGreaterThan(0.4);
      expect(share).toBeLessThan(0.6);
    },
  );

  it('mixes books of many plates with books of none', () => {
    const plates = planLibrary({}).map((plan) => plan.filter(({ kind }) => isPlate(kind)).length);
    expect(Math.min(...plates)).toBe(0);
    expect(Math.max(...plates)).toBeGreaterThan(20);
  });

  it('starts and ends every book with its cover, and can be cut down', () => {
    for (const plan of planLibrary({ booksMax: 3 }))
      expect([plan[0]!.kind, plan.at(-1)!.kind]).toEqual(['cover', 'cover']);
    expect(planLibrary({ booksMax: 2, pagesPerBookMax: 4 }).map((plan) => plan.length)).toEqual([4, 4]);
  });

  it('differs from seed to seed', () => {
    const kinds = (seed: number) =>
      planLibrary({ seed })
        .flat()
        .map(({ kind }) => kind);
    expect(kinds(1)).toEqual(kinds(1));
    expect(kinds(1)).not.toEqual(kinds(2));
  });
});
