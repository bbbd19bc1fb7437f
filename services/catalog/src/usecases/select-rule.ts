import type { CandidateRule, CompiledRule } from '@florilegium/bhl';
import { failedPrecondition, notFound } from '@florilegium/errors';
import { missingRows } from '../domain/kept-rows.ts';
import type { Repos } from '../store.ts';

export const defaultRuleName = 'illustrated';

export interface RuleDeps {
  store: Pick<Repos, 'rules' | 'imports'>;
  rules: readonly CompiledRule[];
}

/** The rule of that name, `illustrated` when empty. @throws not_found */
export function selectRule(rules: readonly CompiledRule[], name: string): CompiledRule {
  const wanted = name === '' ? defaultRuleName : name;
  const rule = rules.find((known) => known.rule.name === wanted);
  if (!rule) throw notFound('candidate rule', wanted);
  return rule;
}

/** The id under which a rule's candidates stand. @throws not_found, failed_precondition while it is not judged on the newest import */
export async function selectRuleId({ store, rules }: RuleDeps, name: string): Promise<number> {
  const compiled = selectRule(rules, name);
  const { rule } = compiled;
  const id = await store.rules.findJudgedRuleId(compiled);
  if (id !== undefined) return id;
  const keptBy = await store.imports.findKeptBy();
  const missing = keptBy === undefined ? [] : missingRows(keptBy, rule);
  throw failedPrecondition(
    missing.length > 0
      ? needsImport(rule, missing)
      : `rule ${rule.name} version ${rule.version} has no candidates yet: import an export first`,
  );
}

const namedMax = 5;

export function needsImport({ name, version }: CandidateRule, missing: readonly string[]): string {
  const named = missing.slice(0, namedMax).join(', ') + (missing.length > namedMax ? ', …' : '');
  return `rule ${name} version ${version} needs a new import: it selects by rows that the last one did not keep (${named})`;
}
