import type { CompiledRule } from '@florilegium/bhl';
import type { Log } from '@florilegium/log';
import { missingRows } from '../domain/kept-rows.ts';
import type { Store } from '../store.ts';

const pagesPerQuery = 5000;

/**
 * Finds the candidates of rules that the newest import has not judged, among the pages that are kept. A rule that needs rows that were
 * not kept waits for the next import. Done again it changes nothing.
 */
export async function judgeNewRules({
  store,
  rules,
  log,
}: {
  store: Store;
  rules: readonly CompiledRule[];
  log: Log;
}): Promise<void> {
  const keptBy = await store.imports.findKeptBy();
  if (keptBy === undefined) return;
  for (const rule of rules) {
    if ((await store.rules.findJudgedRuleId(rule)) !== undefined) continue;
    const missing = missingRows(keptBy, rule.rule);
    if (missing.length > 0) {
      log.warn({ rule: rule.rule.name, missing }, 'candidate rule needs a new import');
      continue;
    }
    const candidateCount = await store.inTransaction(async ({ pageSets, pages, rules: ruleRepo }) => {
      // No import merges meanwhile, and the rule's id is seen only with all its candidates.
      await pageSets.holdCandidates();
      const ruleId = (await ruleRepo.recordRules([rule])).get(rule.rule.name)!;
      let count = 0;
      for (let after = -1; ; ) {
        const kept = await pages.listKeptRows(after, pagesPerQuery);
        const selected = kept.filter(({ rows }) => rule.explain(rows).selected).map(({ pageId }) => pageId);
        await ruleRepo.addCandidates(ruleId, selected);
        count += selected.length;
        if (kept.length < pagesPerQuery) break;
        after = kept.at(-1)!.pageId;
      }
      await ruleRepo.markJudged([ruleId]);
      return count;
    });
    log.info({ rule: rule.rule.name, candidateCount }, 'candidate rule judged on the kept pages');
  }
}
