import type { CompiledRule } from '@florilegium/bhl';
import { failedPrecondition, notFound } from '@florilegium/errors';
import type { Repos } from '../store.ts';

export const defaultRuleName = 'illustrated';

export interface RuleDeps {
  store: Pick<Repos, 'rules'>;
  rules: readonly CompiledRule[];
}

/** The rule of that name, `illustrated` when empty. @throws not_found */
export function selectRule(rules: readonly CompiledRule[], name: string): CompiledRule {
  const wanted = name === '' ? defaultRuleName : name;
  const rule = rules.find((known) => known.rule.name === wanted);
  if (!rule) throw notFound('candidate rule', wanted);
  return rule;
}

/** The id under which a rule's candidates stand. @throws not_found, failed_precondition before the first import */
export async function selectRuleId({ store, rules }: RuleDeps, name: string): Promise<number> {
  const { rule } = selectRule(rules, name);
  const id = await store.rules.findRuleId(rule);
  if (id === undefined) {
    throw failedPrecondition(`rule ${rule.name} version ${rule.version} has no candidates yet: import an export first`);
  }
  return id;
}
