import type { CandidateRule } from '@florilegium/bhl';
import { missingRows } from '../domain/kept-rows.ts';
import type { RuleDeps } from './select-rule.ts';

export interface RuleWithCount extends CandidateRule {
  hash: string;
  /** 0 before the first import. */
  candidateCount: number;
  /** What the rule selects by and the last import did not keep; empty when its candidates can be known. */
  missingRows: string[];
}

export async function listRules({ store, rules }: RuleDeps): Promise<RuleWithCount[]> {
  const keptBy = await store.imports.findKeptBy();
  const listed: RuleWithCount[] = [];
  for (const compiled of rules) {
    const { rule, hash } = compiled;
    const id = await store.rules.findJudgedRuleId(compiled);
    const candidateCount = id === undefined ? 0 : await store.rules.countCandidates(id);
    const missing = keptBy === undefined || id !== undefined ? [] : missingRows(keptBy, rule);
    listed.push({ ...rule, hash, candidateCount, missingRows: missing });
  }
  return listed;
}
