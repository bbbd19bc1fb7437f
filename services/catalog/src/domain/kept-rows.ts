import type { CandidateRule } from '@florilegium/bhl';

/** The test that decides which rows of the export are kept with their pages. */
export type RowTest = Pick<CandidateRule, 'typeNames' | 'rowNeeds'> & { patterns: readonly string[] };

export const rowTestOf = ({ typeNames, rowNeeds, prefixPatterns }: CandidateRule): RowTest => ({
  typeNames: [...typeNames],
  rowNeeds,
  patterns: prefixPatterns.map(({ pattern }) => pattern),
});

/**
 * What a rule selects by that an import with these tests did not keep, in words; empty when its candidates can be found
 * among the kept pages. Patterns are compared as text: two that say the same in other words count as different.
 */
export function missingRows(keptBy: readonly RowTest[], rule: CandidateRule): string[] {
  const test = rowTestOf(rule);
  if (keptBy.some((kept) => JSON.stringify(kept) === JSON.stringify(test))) return [];
  const free = keptBy.filter(({ rowNeeds }) => rowNeeds === 'either');
  const types = new Set(free.flatMap(({ typeNames }) => typeNames));
  const patterns = new Set(free.flatMap((kept) => kept.patterns));
  const missingTypes = test.typeNames.filter((name) => !types.has(name)).map((name) => `type ${name}`);
  const missingPrefixes = rule.prefixPatterns
    .filter(({ pattern }) => !patterns.has(pattern))
    .map(({ name }) => `prefix ${name}`);
  // A row that must pass both tests is kept when either is among the kept.
  if (test.rowNeeds === 'both' && (missingTypes.length === 0 || missingPrefixes.length === 0)) return [];
  return [...missingTypes, ...missingPrefixes];
}
