import type { CompiledRule } from '@florilegium/bhl';
import { RuleComparer, type RuleComparison } from '../domain/rule-comparison.ts';
import type { Repos } from '../store.ts';
import { type RuleDeps, selectRule, selectRuleId } from './select-rule.ts';

interface Deps extends RuleDeps {
  store: Pick<Repos, 'rules' | 'imports' | 'pages'>;
}

const pagesPerQuery = 5000;

/** What two rules select, in common and each alone. Reads the rows of every candidate of either: seconds for a million. */
export async function compareRules(
  deps: Deps,
  { one, other, signal }: { one: string; other: string; signal: AbortSignal },
): Promise<RuleComparison> {
  const rules = [selectRule(deps.rules, one), selectRule(deps.rules, other)] as const satisfies readonly CompiledRule[];
  const ids = [await selectRuleId(deps, one), await selectRuleId(deps, other)] as const;
  const comparer = new RuleComparer(rules[0], rules[1]);
  for (let after = -1; ; ) {
    signal.throwIfAborted();
    const pages = await deps.store.pages.listCandidatesOfEither(ids, after, pagesPerQuery);
    for (const page of pages) comparer.add(page);
    if (pages.length < pagesPerQuery) return comparer.result();
    after = pages.at(-1)!.pageId;
  }
}
