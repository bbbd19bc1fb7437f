import type { CandidateRule } from '@florilegium/bhl';
import type { RuleDeps } from './select-rule.ts';

export interface RuleWithCount extends CandidateRule {
  hash: string;
  /** 0 before the first import. */
  candidateCount: number;
}

export async function listRules({ store, rules }: RuleDeps): Promise<RuleWithCount[]> {
  const listed: RuleWithCount[] = [];
  for (const { rule, hash } of rules) {
    const id = await store.rules.findRuleId(rule);
    listed.push({ ...rule, hash, candidateCount: id === undefined ? 0 : await store.rules.countCandidates(id) });
  }
  return listed;
}
