import type { CompiledRule, RowVerdict, RuleOutcome } from '@florilegium/bhl';
import { missingRows, rowTestOf } from '../domain/kept-rows.ts';
import type { PageRowFacts } from '../domain/page.ts';
import type { Repos } from '../store.ts';
import { needsImport, selectRule } from './select-rule.ts';

export type Reason = RuleOutcome | 'not_kept' | 'no_longer_in_the_export' | 'needs_import';

export interface PageExplanation {
  pageId: number;
  selected: boolean;
  rule: string;
  ruleVersion: number;
  reason: Reason;
  /** The reason as a sentence. */
  explanation: string;
  decidingRows: (PageRowFacts & RowVerdict)[];
}

const sentences: Record<Exclude<Reason, 'needs_import'>, string> = {
  selected: 'These rows match the rule.',
  no_row_matches: 'No row of the page matches the rule.',
  another_row_does_not_match: 'The page has a matching row, but the rule wants every row to match, and these do not.',
  not_kept: 'The page is not in the import, or has neither a picture-like type nor a plate-like prefix.',
  no_longer_in_the_export: 'The newest export does not hold the page any more, or nothing in it that is kept.',
};

/** Why a rule selects a page or not, by the rows that decided. @throws not_found for an unknown rule */
export async function explainPage(
  { store, rules }: { store: Pick<Repos, 'pages' | 'imports'>; rules: readonly CompiledRule[] },
  { pageId, rule: ruleName }: { pageId: number; rule: string },
): Promise<PageExplanation> {
  const { rule, explain } = selectRule(rules, ruleName);
  const about = { pageId, rule: rule.name, ruleVersion: rule.version };
  const refuse = (reason: Reason, explanation: string): PageExplanation => ({
    ...about,
    selected: false,
    reason,
    explanation,
    decidingRows: [],
  });
  const page = await store.pages.findPage(pageId);
  if (!page) {
    const missing = missingRows((await store.imports.findKeptBy()) ?? [rowTestOf(rule)], rule);
    return missing.length > 0
      ? refuse('needs_import', needsImport(rule, missing))
      : refuse('not_kept', sentences.not_kept);
  }
  if (page.keptAs === 'former') return refuse('no_longer_in_the_export', sentences.no_longer_in_the_export);
  const { selected, outcome, rows } = explain(page.rows);
  return {
    ...about,
    selected,
    reason: outcome,
    explanation: sentences[outcome],
    decidingRows: rows
      .filter(({ decided }) => decided)
      .map(({ row, decided: _, ...verdict }) => ({ ...row, ...verdict })),
  };
}
