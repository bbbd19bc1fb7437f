import { createHash } from 'node:crypto';
import { invalidArgument } from '@florilegium/errors';

/** One way in which a page prefix tells of a plate or figure; `pattern` is a regular expression on the lower-cased prefix. */
export interface PrefixPattern {
  name: string;
  /** ISO 639-1 code of the language, or `any`. */
  language: string;
  pattern: string;
}

/**
 * A candidate rule as data: it can be stored, hashed and sent. A row is tested by its type name and its prefix; a page is
 * selected by what its rows gave.
 */
export interface CandidateRule {
  name: string;
  /** Grows whenever the rule would select other pages than before. */
  version: number;
  description: string;
  /** Page type names that pass, compared exactly. */
  typeNames: readonly string[];
  prefixPatterns: readonly PrefixPattern[];
  /** `both`: a row matches by type and prefix; `either`: one of them is enough. */
  rowNeeds: 'both' | 'either';
  /** `some`: one matching row selects the page; `all`: and no row may fail to match. */
  pageNeeds: 'some' | 'all';
}

/** What a rule needs to know of a row of page.txt. */
export interface RuleRow {
  prefix: string;
  typeName: string;
}

export interface RowVerdict {
  matches: boolean;
  typeMatches: boolean;
  /** The first pattern that the prefix matches. */
  prefixPattern: PrefixPattern | undefined;
}

export type RuleOutcome = 'selected' | 'no_row_matches' | 'another_row_does_not_match';

export interface Explanation<Row extends RuleRow> {
  selected: boolean;
  outcome: RuleOutcome;
  /** Every row with its verdict; `decided` marks the rows that made the outcome what it is. */
  rows: (RowVerdict & { row: Row; decided: boolean })[];
}

export interface CompiledRule {
  readonly rule: CandidateRule;
  /** sha256 (hex) of what the rule selects by: the same for every rule that says the same. */
  readonly hash: string;
  judgeRow(row: RuleRow): RowVerdict;
  /** The outcome from two facts about a page's rows, which is all a rule may depend on. */
  outcome(page: { someMatch: boolean; someDoNot: boolean }): RuleOutcome;
  explain<Row extends RuleRow>(rows: readonly Row[]): Explanation<Row>;
}

/** @throws AppError invalid_argument naming the pattern that is not a regular expression. */
export function compileRule(rule: CandidateRule): CompiledRule {
  const typeNames = new Set(rule.typeNames);
  const patterns = rule.prefixPatterns.map((pattern) => ({ pattern, expression: expressionOf(rule, pattern) }));

  const judgeRow = ({ prefix, typeName }: RuleRow): RowVerdict => {
    const lowerCased = prefix.toLowerCase();
    const prefixPattern = patterns.find(({ expression }) => expression.test(lowerCased))?.pattern;
    const typeMatches = typeNames.has(typeName);
    const byPrefix = prefixPattern !== undefined;
    const matches = rule.rowNeeds === 'both' ? typeMatches && byPrefix : typeMatches || byPrefix;
    return { matches, typeMatches, prefixPattern };
  };

  const outcome: CompiledRule['outcome'] = ({ someMatch, someDoNot }) => {
    if (!someMatch) return 'no_row_matches';
    return rule.pageNeeds === 'all' && someDoNot ? 'another_row_does_not_match' : 'selected';
  };

  return {
    rule,
    hash: hashOf(rule),
    judgeRow,
    outcome,
    explain: (rows) => {
      const judged = rows.map((row) => ({ row, ...judgeRow(row) }));
      const result = outcome({
        someMatch: judged.some((row) => row.matches),
        someDoNot: judged.some((row) => !row.matches),
      });
      const decisive = result === 'selected';
      return {
        selected: decisive,
        outcome: result,
        rows: judged.map((row) => ({ ...row, decided: row.matches === decisive })),
      };
    },
  };
}

function expressionOf(rule: CandidateRule, { name, pattern }: PrefixPattern): RegExp {
  try {
    return new RegExp(pattern, 'u');
  } catch (error) {
    const message = `rule ${rule.name}: the prefix pattern ${name} is not a regular expression`;
    throw invalidArgument(message, { field: `prefixPatterns.${name}`, cause: error });
  }
}

function hashOf({ typeNames, prefixPatterns, rowNeeds, pageNeeds }: CandidateRule): string {
  const meaning = JSON.stringify([
    [...typeNames].sort(),
    prefixPatterns.map(({ pattern }) => pattern).sort(),
    rowNeeds,
    pageNeeds,
  ]);
  return createHash('sha256').update(meaning).digest('hex');
}
