import { splitIntoFolds } from '@florilegium/ensemble';
import { invalidArgument } from '@florilegium/errors';
import { randomFrom } from '@florilegium/random';
import type { EmbeddedLibrary } from './embed-library.ts';

export interface Split {
  seed: number;
  fold: number;
  /** Rows of the library that may be labelled. */
  poolRows: number[];
  /** Rows that are scored: of the heldout library, or of the aged twin, where there is one. */
  testRows: number[];
}

export interface Splits {
  splits: Split[];
  notes: string[];
}

const seedsOf = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

/** One split a seed: the whole library may be labelled, the whole other library is scored. */
export function splitByLibrary(pool: EmbeddedLibrary, test: EmbeddedLibrary, seeds: number): Splits {
  checkClasses(pool, 'the library');
  checkClasses(test, 'the heldout library');
  const shared = new Set(pool.pageIds);
  const both = test.pageIds.filter((pageId) => shared.has(pageId)).length;
  const notes = both > 0 ? [`${both} PageIDs are in both libraries: see that they are not the same pages`] : [];
  const rows = ({ pageIds }: EmbeddedLibrary) => [...pageIds.keys()];
  return {
    splits: seedsOf(seeds).map((seed) => ({ seed, fold: 0, poolRows: rows(pool), testRows: rows(test) })),
    notes,
  };
}

/** Folds of whole items of one library, dealt anew for each seed; `test` is the library itself or its aged twin. */
export function splitByItem(pool: EmbeddedLibrary, test: EmbeddedLibrary, seeds: number, foldCountMax: number): Splits {
  checkClasses(pool, 'the library');
  const rowInTest = new Map(test.pageIds.map((pageId, row) => [pageId, row]));
  const notes = new Set<string>();
  const splits = seedsOf(seeds).flatMap((seed) => {
    const folds = splitIntoFolds(pool, foldCountMax, randomFrom(seed, 11));
    if (folds.count < foldCountMax)
      notes.add(`the items give only ${folds.count} folds with both classes on either side`);
    if (folds.by === 'page')
      notes.add(
        'too few items to hold whole ones out: single pages are held out, so the figures flatter, since pages of one book look alike',
      );
    return Array.from({ length: folds.count }, (_, fold): Split => {
      const held = (row: number) => folds.foldOfPage[row] === fold;
      const rows = [...pool.pageIds.keys()];
      return {
        seed,
        fold,
        poolRows: rows.filter((row) => !held(row)),
        testRows: rows.filter(held).flatMap((row) => rowInTest.get(pool.pageIds[row]!) ?? []),
      };
    });
  });
  return { splits, notes: [...notes] };
}

function checkClasses({ labels }: EmbeddedLibrary, name: string): void {
  const count = (wanted: string) => labels.filter((label) => label === wanted).length;
  if (count('HQ') < 4 || count('LQ') < 4)
    throw invalidArgument(
      `${name} has ${count('HQ')} HQ and ${count('LQ')} LQ pages with an image; at least 4 of each are needed to train and to measure`,
    );
}
